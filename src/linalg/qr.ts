/** The QR factorization A = Q R by Householder reflections (Golub & Van Loan, Matrix Computations, 5.2). */
import type { Dense } from './dense.js';
import { columnFrom, reflector, reflectRows } from './householder.js';

export interface Qr {
  /** Upper triangular [n, n]. */
  readonly r: Dense;
  /** Q B for B [n, k], where Q [m, n] has orthonormal columns. */
  timesQ(b: Dense): Dense;
}

/** Of a matrix [m, n], m ≥ n. AᵀA = RᵀR without forming AᵀA, whose entries have lost half the digits. */
export function qr(a: Dense): Qr {
  const { rows, columns } = a;
  const work = { rows, columns, data: a.data.slice() };
  const reflectors: { v: Float64Array; tau: number }[] = [];
  const r = new Float64Array(columns * columns);
  for (let k = 0; k < columns; k++) {
    const v = columnFrom(work, k, k);
    const { tau, alpha } = reflector(v);
    reflectRows(work, v, tau, { top: k, from: k + 1 });
    work.data[k * columns + k] = alpha;
    for (let j = k; j < columns; j++) r[k * columns + j] = work.data[k * columns + j]!;
    reflectors.push({ v, tau });
  }
  const timesQ = (b: Dense): Dense => {
    const out = { rows, columns: b.columns, data: new Float64Array(rows * b.columns) };
    out.data.set(b.data);
    for (let k = columns - 1; k >= 0; k--) {
      reflectRows(out, reflectors[k]!.v, reflectors[k]!.tau, { top: k, from: 0 });
    }
    return out;
  };
  return { r: { rows: columns, columns, data: r }, timesQ };
}
