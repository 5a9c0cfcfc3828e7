/**
 * The nuclear norm and its subgradient without a singular value decomposition.
 *
 * For A = U S Vᵀ the subgradient of ‖A‖_* is the polar factor U Vᵀ = A (AᵀA)^(−½) (Watson 1992), and ‖A‖_* = ⟨U Vᵀ, A⟩.
 * Of a large sparse A only the Gram matrix AᵀA of the short side is dense; small or dense matrices are taken as they are,
 * which resolves singular values that are smaller still.
 */
import { graphOf, input, type Value } from '../../graph/index.js';
import { compile } from '../../ops/index.js';
import type { RuntimeOptions, Session } from '../../runtime/index.js';
import { tensorOf } from '../../tensor/index.js';
import { polarFactor, ROOT_FACTOR, rootCorrection } from './polar.js';
import { SparseMatrix } from './sparse-matrix.js';

/** Matrices with a short side up to this one are taken dense. */
const DENSE_SIDE = 256;
/** And those with a larger share of entries: about there products of dense matrices are as fast as sparse ones. */
const DENSE_SHARE = 1 / 3;

export interface NuclearNorm {
  /** ‖P ⊙ M‖_* */
  readonly norm: number;
  /** (U Vᵀ) ⊙ M at the trained positions. */
  readonly gradient: Float32Array;
}

/** Of the matrix [m, n] that has `values` at ascending flat `positions` and zeros elsewhere. */
export async function nuclearNorm(
  shape: readonly number[],
  positions: Int32Array,
  values: Float32Array,
  options?: RuntimeOptions,
): Promise<NuclearNorm> {
  const sides = shape as [number, number];
  const bound = spectralBound(sides, positions, values);
  if (bound === 0) return { norm: 0, gradient: new Float32Array(values.length) };
  const share = values.length / (sides[0] * sides[1]);
  const dense = Math.min(...sides) <= DENSE_SIDE || share > DENSE_SHARE;
  const slopes = await (dense ? polarOfDense : polarOfSparse)(sides, positions, values, 1 / bound, options);
  const norm = slopes.reduce((sum, slope, i) => sum + slope * values[i]!, 0);
  return { norm, gradient: Float32Array.from(slopes) };
}

/** Entries of the polar factor of a matrix of which `factor` times the largest singular value is at most 1. */
async function polarOfSparse(
  shape: [number, number],
  positions: Int32Array,
  values: Float32Array,
  factor: number,
  options?: RuntimeOptions,
): Promise<Float64Array> {
  const matrix = new SparseMatrix(shape, positions, values, factor);
  const { side } = matrix;
  const correction = await run(rootCorrection, [side, side], matrix.gram(), options);
  return matrix.productAtEntries(correction).map((slope) => ROOT_FACTOR * slope);
}

async function polarOfDense(
  [rows, columns]: [number, number],
  positions: Int32Array,
  values: Float32Array,
  factor: number,
  options?: RuntimeOptions,
): Promise<Float64Array> {
  const wide = rows < columns;
  const tall = wide ? [columns, rows] : [rows, columns];
  /** Where the entry at flat position `at` lies in the matrix turned tall. */
  const place = (at: number): number => (wide ? (at % columns) * rows + Math.floor(at / columns) : at);
  const matrix = new Float64Array(rows * columns);
  for (let i = 0; i < values.length; i++) matrix[place(positions[i]!)] = values[i]! * factor;
  const polar = await run(polarFactor, tall, matrix, options);
  return Float64Array.from(positions, (at) => polar[place(at)]!);
}

/** An upper bound of the largest singular value: √(‖A‖₁ ‖A‖_∞) or the Frobenius norm, whichever is smaller. */
function spectralBound(
  [rows, columns]: [number, number],
  positions: Int32Array,
  values: Float32Array,
): number {
  const rowSums = new Float64Array(rows);
  const columnSums = new Float64Array(columns);
  let squares = 0;
  for (let i = 0; i < values.length; i++) {
    const row = Math.floor(positions[i]! / columns);
    const value = Math.abs(values[i]!);
    rowSums[row]! += value;
    columnSums[positions[i]! - row * columns]! += value;
    squares += value * value;
  }
  const largest = (sums: Float64Array) => sums.reduce((most, sum) => Math.max(most, sum), 0);
  return Math.min(Math.sqrt(squares), Math.sqrt(largest(rowSums) * largest(columnSums)));
}

/** Compiling takes as long as a run, so sessions stay: one for each short side, small as buffers are not kept. */
const sessions = new Map<string, Promise<Session>>();

/** A function of a float64 matrix. */
async function run(
  build: (x: Value) => Value,
  shape: readonly number[],
  data: Float64Array,
  options: RuntimeOptions = {},
): Promise<Float64Array> {
  const key = JSON.stringify([build.name, shape, options]);
  let session = sessions.get(key);
  if (!session) {
    const y = build(input('x', shape, 'float64'));
    session = compile(graphOf({ y }), { ...options, inTurn: true });
    sessions.set(key, session);
  }
  const results = await (await session).run(new Map([['x', tensorOf('float64', shape, data)]]));
  return results.get('y')!.data as Float64Array;
}
