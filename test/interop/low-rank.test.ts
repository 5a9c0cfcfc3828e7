/** Low-rank approximation: against the singular value decomposition of ml-matrix. */
import { Matrix, SingularValueDecomposition } from 'ml-matrix';
import { describe, expect, it } from 'vitest';
import { lowRank } from '../../src/interop/low-rank.js';
import { type Dense, product } from '../../src/linalg/index.js';
import { Random } from '../../src/tensor/index.js';

/** Entries that are normal, or 0 but for a share of them. */
function random(rows: number, columns: number, density = 1): Dense {
  const size = rows * columns;
  const [values, draws] = [new Random(1, 'values').normal(size), new Random(1, 'places').uniform(size)];
  const data = Float64Array.from(values, (value, i) => (draws[i]! < density ? value : 0));
  return { rows, columns, data };
}

/** The same singular vectors with other singular values. */
function withSpectrum({ rows, columns, data }: Dense, spectrum: (i: number) => number): Dense {
  const svd = decompose({ rows, columns, data });
  const scaled = Matrix.diag(svd.diagonal.map((_, i) => spectrum(i)));
  const product = svd.leftSingularVectors.mmul(scaled).mmul(svd.rightSingularVectors.transpose());
  return { rows, columns, data: Float64Array.from(product.to1DArray()) };
}

const decompose = ({ rows, columns, data }: Dense) =>
  new SingularValueDecomposition(Matrix.from1DArray(rows, columns, [...data]), { autoTranspose: true });

/** Relative error of the best approximation of this rank (Eckart & Young). */
function leastError(matrix: Dense, rank: number): number {
  const squares = decompose(matrix).diagonal.map((value) => value ** 2);
  const sum = (values: number[]) => values.reduce((total, value) => total + value, 0);
  return Math.sqrt(sum(squares.slice(rank)) / sum(squares));
}

async function errorOf(matrix: Dense, rank: number): Promise<number> {
  const { up, down } = await lowRank(matrix, rank);
  const { data } = await product(up, down, {});
  const squares = matrix.data.reduce((sum, value) => sum + value ** 2, 0);
  return Math.sqrt(matrix.data.reduce((sum, value, i) => sum + (value - data[i]!) ** 2, 0) / squares);
}

const SHAPES = [
  [40, 60, 8],
  [60, 40, 8],
  [160, 200, 60],
] as const;

describe.each(SHAPES)('a matrix [%i, %i] at rank %i', (rows, columns, rank) => {
  it('is approximated within 1 % of the best where all singular values are alike, as those of sparse changes', async () => {
    for (const density of [1, 0.05]) {
      const matrix = random(rows, columns, density);
      expect(await errorOf(matrix, rank)).toBeLessThan(1.01 * leastError(matrix, rank));
    }
  });

  it('is approximated as well as can be where they decay', async () => {
    const matrix = withSpectrum(random(rows, columns), (i) => 0.7 ** i);
    expect(await errorOf(matrix, rank)).toBeLessThan(1.0001 * leastError(matrix, rank) + 1e-8);
  });
});

it.each([
  [60, 40, 40],
  [40, 60, 64],
  [4, 36, 8],
  [12, 4, 4],
])('reproduces a matrix [%i, %i] at rank %i, its smaller side or more', async (rows, columns, rank) => {
  expect(await errorOf(random(rows, columns), rank)).toBeLessThan(1e-12);
  const steep = withSpectrum(random(rows, columns), (i) => 0.6 ** i);
  expect(await errorOf(steep, rank)).toBeLessThan(1e-7);
});

it('shares the singular values equally between the factors', async () => {
  const matrix = random(30, 50);
  const { up, down } = await lowRank(matrix, 30);
  const squares = async (factor: Dense, transposes: { transposeA?: boolean; transposeB?: boolean }) => {
    const { data } = await product(factor, factor, transposes);
    return Array.from({ length: 30 }, (_, i) => data[i * 31]!);
  };
  const { diagonal } = decompose(matrix);
  const [left, right] = [await squares(up, { transposeA: true }), await squares(down, { transposeB: true })];
  for (const [i, value] of diagonal.entries()) {
    expect(left[i]).toBeCloseTo(value, 8);
    expect(right[i]).toBeCloseTo(value, 8);
  }
});

it('gives the rank that the matrix has, and the same factors again', async () => {
  const zeros = { rows: 5, columns: 7, data: new Float64Array(35) };
  expect((await lowRank(zeros, 3)).up.columns).toBe(0);
  const one = { ...zeros, data: zeros.data.with(3, 2) };
  expect((await lowRank(one, 3)).up.columns).toBe(1);
  expect(await errorOf(one, 3)).toBe(0);
  const matrix = random(50, 40);
  expect(await lowRank(matrix, 4)).toEqual(await lowRank(matrix, 4));
});
