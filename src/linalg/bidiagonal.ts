/** From a matrix to an upper bidiagonal one with the same singular values (Golub & Van Loan, Matrix Computations, 5.4.8). */
import type { Dense } from './dense.js';
import { columnFrom, reflectColumns, reflector, reflectRows } from './householder.js';

export interface Bidiagonal {
  /** B[k, k], n of them. */
  readonly diagonal: Float64Array;
  /** B[k, k + 1], n − 1 of them. */
  readonly above: Float64Array;
  /** Pᵀ [n, m] and Qᵀ [n, n] with A = P B Qᵀ, where asked for; rows are the singular directions to be turned further. */
  readonly left: Dense | undefined;
  readonly right: Dense | undefined;
}

interface Reflection {
  readonly v: Float64Array;
  readonly tau: number;
}

/** Of a matrix [m, n], m ≥ n. */
export function bidiagonalize(a: Dense, vectors: boolean): Bidiagonal {
  const { rows, columns } = a;
  const work = { rows, columns, data: a.data.slice() };
  const diagonal = new Float64Array(columns);
  const above = new Float64Array(Math.max(0, columns - 1));
  const lefts: Reflection[] = [];
  const rights: Reflection[] = [];
  for (let k = 0; k < columns; k++) {
    const v = columnFrom(work, k, k);
    const { tau, alpha } = reflector(v);
    reflectRows(work, v, tau, { top: k, from: k + 1 });
    diagonal[k] = alpha;
    if (vectors) lefts.push({ v, tau });
    if (k + 1 === columns) break;
    const row = work.data.slice(k * columns + k + 1, (k + 1) * columns);
    const right = reflector(row);
    reflectColumns(work, row, right.tau, { top: k + 1, from: k + 1 });
    above[k] = right.alpha;
    if (vectors) rights.push({ v: row, tau: right.tau });
  }
  return {
    diagonal,
    above,
    left: vectors ? accumulate(lefts, columns, rows, 0) : undefined,
    right: vectors ? accumulate(rights, columns, columns, 1) : undefined,
  };
}

/** The first `count` rows of (H₁ H₂ …)ᵀ, where the k-th reflection turns the entries from k + shift on. */
function accumulate(reflections: readonly Reflection[], count: number, side: number, shift: number): Dense {
  const out = { rows: count, columns: side, data: new Float64Array(count * side) };
  for (let i = 0; i < count; i++) out.data[i * side + i] = 1;
  for (let k = reflections.length - 1; k >= 0; k--) {
    const { v, tau } = reflections[k]!;
    // Rows above are still rows of the identity, with zeros where this reflection turns.
    reflectColumns(out, v, tau, { top: k + shift, from: k + shift });
  }
  return out;
}
