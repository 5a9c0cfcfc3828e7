/**
 * The nuclear norm and its subgradient without a singular value decomposition.
 *
 * For A = U S Vᵀ the subgradient of ‖A‖_* is the polar factor U Vᵀ (Watson 1992), and ‖A‖_* = ⟨U Vᵀ, A⟩.
 * Newton–Schulz reaches U Vᵀ with matrix products alone: X ← ½ X (3 I − XᵀX) moves every singular value in (0, 1]
 * towards 1 and leaves zeros zero. Scaling X by the α that suits the smallest singular value ℓ still to be moved makes
 * small ones grow by 2.5 instead of 1.5 a step: α² = 3 / (1 + ℓ + ℓ²) (Chen & Chow 2014, section 3).
 */
import { graphOf, input, type Value } from '../../graph/index.js';
import { compile, gemm, scale, sub } from '../../ops/index.js';
import type { RuntimeOptions } from '../../runtime/index.js';
import type { Tensor } from '../../tensor/index.js';

type Precision = 'float32' | 'float64';

/**
 * Singular values from `smallest` of the largest on come within `done` of 1; smaller ones come less close. float32 would
 * not resolve smaller ones: it is off by 1e-7 σ_max / σ in the directions of σ.
 */
const LIMITS: Record<Precision, { smallest: number; done: number }> = {
  float32: { smallest: 1e-4, done: 1e-6 },
  float64: { smallest: 1e-8, done: 1e-12 },
};
/** Up to this side float64 costs next to nothing; above, half the speed. */
const FLOAT64_SIDE = 256;
/** Beyond it the largest singular values would become so small in a step that rounding shows (Chen & Chow 2014). */
const LARGEST_SCALE = 1.69770248526;

export interface NuclearNorm {
  /** ‖P ⊙ M‖_* */
  readonly norm: number;
  /** (U Vᵀ) ⊙ M at the trained positions. */
  readonly gradient: Float32Array;
}

/** Of the matrix [m, n] that has `values` at `positions` and zeros elsewhere. */
export async function nuclearNorm(
  shape: readonly number[],
  positions: Int32Array,
  values: Float32Array,
  options?: RuntimeOptions,
): Promise<NuclearNorm> {
  const gradient = new Float32Array(values.length);
  const bound = spectralBound(shape, positions, values);
  if (bound === 0) return { norm: 0, gradient };

  const [rows, columns] = shape as [number, number];
  const tall = rows > columns;
  const wide = tall ? [columns, rows] : [rows, columns];
  /** Where the entry at flat position `at` lies in the matrix turned wide. */
  const place = (at: number): number => (tall ? (at % columns) * rows + Math.floor(at / columns) : at);

  const dtype: Precision = wide[0]! <= FLOAT64_SIDE ? 'float64' : 'float32';
  const data = new (dtype === 'float64' ? Float64Array : Float32Array)(rows * columns);
  for (let i = 0; i < values.length; i++) data[place(positions[i]!)] = values[i]! / bound;
  const polar = await run(
    polarFactor(input('matrix', wide, dtype)),
    { dtype, shape: wide, data } as Tensor,
    options,
  );

  let norm = 0;
  for (let i = 0; i < values.length; i++) {
    const slope = polar[place(positions[i]!)]!;
    gradient[i] = slope;
    norm += slope * values[i]!;
  }
  return { norm, gradient };
}

/** U Vᵀ of a wide matrix [m, n], m ≤ n, with singular values of at most 1. */
function polarFactor(matrix: Value): Value {
  return scales(matrix.dtype as Precision).reduce((x, alpha) => {
    const gram = gemm(x, x, { transposeB: true });
    return sub(scale(x, 1.5 * alpha), scale(gemm(gram, x), 0.5 * alpha ** 3));
  }, matrix);
}

/** α of each step, until the smallest singular value that counts has become 1. */
function scales(precision: Precision): number[] {
  const { smallest, done } = LIMITS[precision];
  const found: number[] = [];
  for (let least = smallest; 1 - least > done; ) {
    const alpha = Math.min(LARGEST_SCALE, Math.sqrt(3 / (1 + least + least ** 2)));
    found.push(alpha);
    least = 0.5 * alpha * least * (3 - (alpha * least) ** 2);
  }
  return found;
}

/** An upper bound of the largest singular value: √(‖A‖₁ ‖A‖_∞) or the Frobenius norm, whichever is smaller. */
function spectralBound(shape: readonly number[], positions: Int32Array, values: Float32Array): number {
  const [rows, columns] = shape as [number, number];
  const rowSums = new Float64Array(rows);
  const columnSums = new Float64Array(columns);
  let squares = 0;
  for (let i = 0; i < values.length; i++) {
    const value = Math.abs(values[i]!);
    rowSums[Math.floor(positions[i]! / columns)]! += value;
    columnSums[positions[i]! % columns]! += value;
    squares += value * value;
  }
  const largest = (sums: Float64Array) => sums.reduce((most, sum) => Math.max(most, sum), 0);
  return Math.min(Math.sqrt(squares), Math.sqrt(largest(rowSums) * largest(columnSums)));
}

/** One run of the graph. Compiling takes milliseconds, while keeping a session for each shape would keep its memory. */
async function run(
  polar: Value,
  matrix: Tensor,
  options?: RuntimeOptions,
): Promise<Float32Array | Float64Array> {
  const session = await compile(graphOf({ polar }), options);
  try {
    return (await session.run(new Map([['matrix', matrix]]))).get('polar')!.data as
      | Float32Array
      | Float64Array;
  } finally {
    await session.dispose();
  }
}
