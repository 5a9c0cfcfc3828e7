/**
 * The best approximation of a matrix by one of low rank, by randomised projection (Halko, Martinsson & Tropp 2011,
 * algorithms 4.4 and 5.1). Large products run as graphs in float64; only matrices as wide as the rank are factored here.
 */
import { EigenvalueDecomposition, Matrix } from 'ml-matrix';
import { type Dense, product } from '../linalg/index.js';
import type { RuntimeOptions } from '../runtime/index.js';
import { Random } from '../tensor/index.js';

/** A ≈ up · down, with the singular values shared equally between both. */
export interface LowRank {
  /** U √Σ [m, r] */
  readonly up: Dense;
  /** √Σ Vᵀ [r, n] */
  readonly down: Dense;
}

/**
 * Directions beyond the rank that the projection keeps (Halko et al., section 4.2: 5 to 10), and more where the rank is
 * high: with as many passes, errors stay within 1 % of the least for spectra as flat as those of random sparse matrices.
 */
const OVERSAMPLING = 10;
const OVERSAMPLING_SHARE = 0.25;
/** Times that A or Aᵀ is applied to the random directions. */
const LEAST_PASSES = 8;
/** Directions whose squared length is below this share of the longest one's are rounding. */
const NEGLIGIBLE = 1e-18;

/**
 * The factors of rank `rank` at most; fewer where the matrix has a smaller rank, none for a matrix of zeros. A matrix
 * whose smaller side is at most `rank` is reproduced.
 */
export async function lowRank(
  matrix: Dense,
  rank: number,
  { seed = 0, runtime }: { seed?: number; runtime?: RuntimeOptions } = {},
): Promise<LowRank> {
  const width = rank + OVERSAMPLING + Math.ceil(OVERSAMPLING_SHARE * rank);
  const q = await range(matrix, width, seed, runtime);
  const projected = await product(q, matrix, { transposeA: true }, runtime);
  const gram = await product(projected, projected, { transposeB: true }, runtime);
  const { values, vectors } = eigen(gram);
  const kept = values.slice(0, rank).filter((value) => value > NEGLIGIBLE * values[0]!).length;
  const roots = values.slice(0, kept).map((value) => value ** 0.25);
  const left = columnsTimes(vectors, roots);
  const right = columnsTimes(
    vectors,
    roots.map((root) => 1 / root),
  );
  return {
    up: await product(q, left, {}, runtime),
    down: await product(right, projected, { transposeA: true }, runtime),
  };
}

/** Orthonormal columns that span what A does to random directions, at most `width` of them [m, l]. */
async function range(
  matrix: Dense,
  width: number,
  seed: number,
  runtime: RuntimeOptions | undefined,
): Promise<Dense> {
  const { rows, columns } = matrix;
  if (rows <= width) return identity(rows);
  let onRows = rows <= columns;
  const side = Math.min(rows, columns);
  let directions = side <= width ? identity(side) : signs(side, width, seed);
  for (let pass = 0; pass < LEAST_PASSES || !onRows; pass++) {
    directions = await product(matrix, directions, { transposeA: onRows }, runtime);
    directions = await orthonormal(directions, runtime);
    onRows = !onRows;
  }
  // Once more: the first time loses orthogonality where the directions were nearly parallel.
  return orthonormal(directions, runtime);
}

/** Columns with the same span and of length 1 at right angles, by the eigenvectors of their products (Stathopoulos & Wu 2002). */
async function orthonormal(columns: Dense, runtime: RuntimeOptions | undefined): Promise<Dense> {
  const gram = await product(columns, columns, { transposeA: true }, runtime);
  const size = gram.rows;
  const lengths = Array.from({ length: size }, (_, i) => Math.sqrt(gram.data[i * size + i]!));
  const longest = Math.max(...lengths);
  const inverse = lengths.map((length) => (length ** 2 > NEGLIGIBLE * longest ** 2 ? 1 / length : 0));
  const cosines = gram.data.map((value, at) => value * inverse[Math.floor(at / size)]! * inverse[at % size]!);
  const { values, vectors } = eigen({ rows: size, columns: size, data: cosines });
  const kept = values.filter((value) => value > NEGLIGIBLE * values[0]!).length;
  const turned = columnsTimes(
    vectors,
    values.slice(0, kept).map((value) => 1 / Math.sqrt(value)),
  );
  const scaled = turned.data.map((value, at) => value * inverse[Math.floor(at / kept)]!);
  return product(columns, { ...turned, data: scaled }, {}, runtime);
}

/** Eigenvalues of a symmetric matrix, the largest first, none below 0, with the eigenvectors as columns. */
function eigen({ rows, columns, data }: Dense): { values: number[]; vectors: Dense } {
  const found = new EigenvalueDecomposition(new Matrix(toRows({ rows, columns, data })), {
    assumeSymmetric: true,
  });
  const order = found.realEigenvalues.map((_, i) => i).toReversed();
  const vectors = new Float64Array(rows * columns);
  order.forEach((from, to) => {
    for (let i = 0; i < rows; i++) vectors[i * columns + to] = found.eigenvectorMatrix.get(i, from);
  });
  const values = order.map((at) => Math.max(0, found.realEigenvalues[at]!));
  return { values, vectors: { rows, columns, data: vectors } };
}

/** The first columns, each times a number. */
function columnsTimes({ rows, columns, data }: Dense, factors: readonly number[]): Dense {
  const out = new Float64Array(rows * factors.length);
  for (let i = 0; i < rows; i++)
    for (let j = 0; j < factors.length; j++)
      out[i * factors.length + j] = data[i * columns + j]! * factors[j]!;
  return { rows, columns: factors.length, data: out };
}

function toRows({ rows, columns, data }: Dense): Float64Array[] {
  return Array.from({ length: rows }, (_, i) => data.subarray(i * columns, (i + 1) * columns));
}

function identity(side: number): Dense {
  const data = new Float64Array(side * side);
  for (let i = 0; i < side; i++) data[i * side + i] = 1;
  return { rows: side, columns: side, data };
}

/** Random directions of +1 and −1, which span as well as normal ones. */
function signs(rows: number, columns: number, seed: number): Dense {
  const random = new Random(seed, 'low rank', rows, columns);
  const data = new Float64Array(rows * columns);
  for (let i = 0; i < data.length; i += 32) {
    const word = random.word();
    for (let bit = 0; bit < 32 && i + bit < data.length; bit++) data[i + bit] = (word >>> bit) & 1 ? 1 : -1;
  }
  return { rows, columns, data };
}
