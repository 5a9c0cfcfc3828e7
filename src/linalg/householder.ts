/** Householder reflections H = 1 − τ v vᵀ, which turn a vector onto its first axis; all loops run along rows. */
import type { Dense } from './dense.js';

/** Columns [from, to) and rows from `top` of a matrix. */
interface Part {
  readonly top: number;
  readonly from: number;
}

/**
 * Overwrites x with v, v[0] = 1, so that H x = (α, 0, …). α is 0 or has the sign that keeps x[0] − α from cancelling.
 * τ is 0 where x is zero.
 */
export function reflector(x: Float64Array): { tau: number; alpha: number } {
  const largest = x.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
  if (largest === 0) return { tau: 0, alpha: 0 };
  let squares = 0;
  for (const value of x) squares += (value / largest) ** 2;
  const norm = largest * Math.sqrt(squares);
  const alpha = x[0]! > 0 ? -norm : norm;
  const first = x[0]! - alpha;
  for (let i = 1; i < x.length; i++) x[i]! /= first;
  x[0] = 1;
  return { tau: -first / alpha, alpha };
}

/** H A on a part of A: its rows from `top` on, of which v has one entry each. */
export function reflectRows({ rows, columns, data }: Dense, v: Float64Array, tau: number, part: Part): void {
  if (tau === 0) return;
  const { top, from } = part;
  const projected = new Float64Array(columns - from);
  for (let i = top; i < rows; i++) {
    const factor = v[i - top]!;
    const start = i * columns + from;
    for (let j = 0; j < projected.length; j++) projected[j]! += factor * data[start + j]!;
  }
  for (let i = top; i < rows; i++) {
    const factor = tau * v[i - top]!;
    const start = i * columns + from;
    for (let j = 0; j < projected.length; j++) data[start + j]! -= factor * projected[j]!;
  }
}

/** A H on a part of A: its columns from `from` on, of which v has one entry each. */
export function reflectColumns(
  { rows, columns, data }: Dense,
  v: Float64Array,
  tau: number,
  part: Part,
): void {
  if (tau === 0) return;
  const { top, from } = part;
  for (let i = top; i < rows; i++) {
    const start = i * columns + from;
    let dot = 0;
    for (let j = 0; j < v.length; j++) dot += data[start + j]! * v[j]!;
    dot *= tau;
    for (let j = 0; j < v.length; j++) data[start + j]! -= dot * v[j]!;
  }
}

/** The entries of column `column` from row `top` on. */
export function columnFrom({ rows, columns, data }: Dense, column: number, top: number): Float64Array {
  return Float64Array.from({ length: rows - top }, (_, i) => data[(top + i) * columns + column]!);
}
