/**
 * The singular value decomposition A = U Σ Vᵀ in float64: bidiagonal form, then implicit QR steps with Wilkinson's shift
 * (Golub & Reinsch 1970; Golub & Van Loan, Matrix Computations, 8.6). Every value is exact to rounding of the largest,
 * which those from AᵀA are not.
 */
import { type Bidiagonal, bidiagonalize } from './bidiagonal.js';
import { type Dense, transposed } from './dense.js';
import { qr } from './qr.js';

export interface Svd {
  /** Descending, min(m, n) of them. */
  readonly values: Float64Array;
  /** U [m, k] and V [n, k], the singular vectors as columns. */
  readonly left: Dense;
  readonly right: Dense;
}

/** Where rows outnumber columns by this factor, the triangle of a QR factorization is decomposed in their place. */
const TALL = 1.5;
const EPSILON = 2 ** -52;
/** QR steps that one value is given; two or three are usual, and one more for each zero on the diagonal. */
const MOST_STEPS = 75;

/** The singular values, descending. */
export function singularValues(a: Dense): Float64Array {
  if (a.rows < a.columns) return singularValues(transposed(a));
  const form = bidiagonalize(a.rows > TALL * a.columns ? qr(a).r : a, false);
  diagonalize(form);
  return form.diagonal.map(Math.abs).sort().reverse();
}

/** Singular values and vectors. */
export function svd(a: Dense): Svd {
  if (a.rows < a.columns) {
    const { values, left, right } = svd(transposed(a));
    return { values, left: right, right: left };
  }
  if (a.rows > TALL * a.columns) {
    const { r, timesQ } = qr(a);
    const { values, left, right } = svd(r);
    return { values, left: timesQ(left), right };
  }
  const form = bidiagonalize(a, true);
  diagonalize(form);
  const { diagonal, left, right } = form;
  const order = [...diagonal.keys()].sort((i, j) => Math.abs(diagonal[j]!) - Math.abs(diagonal[i]!));
  return {
    values: Float64Array.from(order, (k) => Math.abs(diagonal[k]!)),
    left: asColumns(left!, order, () => 1),
    right: asColumns(right!, order, (k) => (diagonal[k]! < 0 ? -1 : 1)),
  };
}

/** Rows in the order given, each times a sign, as columns. */
function asColumns({ columns, data }: Dense, order: readonly number[], sign: (k: number) => number): Dense {
  const out = new Float64Array(order.length * columns);
  order.forEach((k, to) => {
    for (let i = 0; i < columns; i++) out[to * columns + i] = sign(k) * data[k * columns + i]!;
  });
  return transposed({ rows: order.length, columns, data: out });
}

/** Turns the bidiagonal form until nothing above the diagonal is left; the left and right rows turn with it. */
function diagonalize(form: Bidiagonal): void {
  const { diagonal: d, above: e } = form;
  const negligible = EPSILON * Math.max(0, ...d.map(Math.abs), ...e.map(Math.abs));
  let steps = 0;
  for (let end = d.length - 1; end > 0; ) {
    let start = end;
    while (start > 0 && Math.abs(e[start - 1]!) > negligible) start--;
    if (start > 0) e[start - 1] = 0;
    if (start === end) {
      end--;
      steps = 0;
      continue;
    }
    let zero = start;
    while (zero < end && Math.abs(d[zero]!) > negligible) zero++;
    if (zero < end) clearRow(form, zero, end);
    else step(form, start, end);
    if (++steps > MOST_STEPS) throw new Error('singular values do not converge');
  }
}

/** Where d[zero] is nothing, turns rows so that its row becomes empty and the form falls apart there. */
function clearRow({ diagonal: d, above: e, left }: Bidiagonal, zero: number, end: number): void {
  d[zero] = 0;
  let bulge = e[zero]!;
  e[zero] = 0;
  for (let k = zero + 1; k <= end && bulge !== 0; k++) {
    const { c, s, r } = rotation(d[k]!, bulge);
    d[k] = r;
    if (k < end) {
      bulge = -s * e[k]!;
      e[k]! *= c;
    }
    rotateRows(left, k, zero, c, s);
  }
}

/** One QR step on rows start … end (Golub & Van Loan, algorithm 8.6.1). */
function step({ diagonal: d, above: e, left, right }: Bidiagonal, start: number, end: number): void {
  let y = d[start]! - shiftOf(d, e, start, end) / d[start]!;
  let z = e[start]!;
  for (let k = start; k < end; k++) {
    const turn = rotation(y, z);
    if (k > start) e[k - 1] = turn.r;
    y = turn.c * d[k]! + turn.s * e[k]!;
    e[k] = turn.c * e[k]! - turn.s * d[k]!;
    z = turn.s * d[k + 1]!;
    d[k + 1]! *= turn.c;
    rotateRows(right, k, k + 1, turn.c, turn.s);
    const back = rotation(y, z);
    d[k] = back.r;
    y = back.c * e[k]! + back.s * d[k + 1]!;
    d[k + 1] = back.c * d[k + 1]! - back.s * e[k]!;
    e[k] = y;
    if (k + 1 < end) {
      z = back.s * e[k + 1]!;
      e[k + 1]! *= back.c;
    }
    rotateRows(left, k, k + 1, back.c, back.s);
  }
}

/** The eigenvalue of the last 2 × 2 block of BᵀB that is nearer to its last entry. */
function shiftOf(d: Float64Array, e: Float64Array, start: number, end: number): number {
  const before = end - 1 > start ? e[end - 2]! : 0;
  const a = d[end - 1]! ** 2 + before ** 2;
  const b = d[end - 1]! * e[end - 1]!;
  const c = d[end]! ** 2 + e[end - 1]! ** 2;
  if (b === 0) return c;
  const half = (a - c) / 2;
  return c - b ** 2 / (half + (half < 0 ? -1 : 1) * Math.hypot(half, b));
}

/** The rotation that takes (y, z) to (r, 0). */
function rotation(y: number, z: number): { c: number; s: number; r: number } {
  if (z === 0) return { c: 1, s: 0, r: y };
  const r = Math.hypot(y, z);
  return { c: y / r, s: z / r, r };
}

/** (row i, row j) ← (c·i + s·j, c·j − s·i) */
function rotateRows(matrix: Dense | undefined, i: number, j: number, c: number, s: number): void {
  if (!matrix) return;
  const { columns, data } = matrix;
  const [first, second] = [i * columns, j * columns];
  for (let k = 0; k < columns; k++) {
    const [x, y] = [data[first + k]!, data[second + k]!];
    data[first + k] = c * x + s * y;
    data[second + k] = c * y - s * x;
  }
}
