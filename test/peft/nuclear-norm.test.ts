/** The nuclear norm and its gradient against a singular value decomposition. */
import { describe, expect, it } from 'vitest';
import { nuclearNorm } from '../../src/peft/index.js';
import { Random } from '../../src/tensor/index.js';
import { expectAllclose } from '../support/allclose.js';
import { polarBySvd, svd } from '../support/svd.js';

/** Normal values at a share of all positions, rounded to float32 as weights are. */
function sparse(rows: number, columns: number, share: number) {
  const random = new Random(7, 'sparse matrix', rows, columns);
  const kept = random.uniform(rows * columns);
  const positions = Int32Array.from(kept.keys()).filter((at) => kept[at]! < share);
  return { positions, values: random.normal(positions.length).map((value) => 1e-3 * value) };
}

function dense(size: number, positions: Int32Array, values: Float32Array): Float64Array {
  const matrix = new Float64Array(size);
  positions.forEach((at, i) => {
    matrix[at] = values[i]!;
  });
  return matrix;
}

describe('the witness', () => {
  it('decomposes: A = U S Vᵀ with orthonormal columns', () => {
    const [rows, columns] = [7, 5];
    const matrix = new Random(1, 'matrix').normal(rows * columns);
    const { u, singular, v } = svd(matrix, rows, columns);
    const product = Float64Array.from(matrix, (_, at) => {
      const [i, j] = [Math.floor(at / columns), at % columns];
      return u.reduce((sum, left, k) => sum + left[i]! * singular[k]! * v[k]![j]!, 0);
    });
    expectAllclose(product, matrix, { atol: 1e-12 });
    const inner = u.flatMap((a) => u.map((b) => a.reduce((sum, value, i) => sum + value * b[i]!, 0)));
    expectAllclose(
      inner,
      inner.map((_, at) => Number(at % 6 === 0)),
      { atol: 1e-12 },
    );
  });
});

describe.each([
  { name: 'square', rows: 48, columns: 48, share: 0.2 },
  { name: 'tall', rows: 96, columns: 40, share: 0.1 },
  { name: 'wide', rows: 40, columns: 96, share: 0.1 },
  { name: 'so sparse that its rank is deficient', rows: 64, columns: 64, share: 0.012 },
  { name: 'full', rows: 24, columns: 24, share: 1 },
])('of a $name matrix', ({ rows, columns, share }) => {
  it('equals the sum of singular values, and its gradient their polar factor on the mask', async () => {
    const { positions, values } = sparse(rows, columns, share);
    const { norm, gradient } = await nuclearNorm([rows, columns], positions, values, { threads: 1 });
    const matrix = dense(rows * columns, positions, values);
    const { singular } = svd(matrix, rows, columns);
    expectAllclose([norm], [singular.reduce((sum, value) => sum + value, 0)], { rtol: 1e-6 });
    const polar = polarBySvd(matrix, rows, columns);
    const expected = Float64Array.from(positions, (at) => polar[at]!);
    expectAllclose(gradient, expected, { atol: 1e-6 });
  });
});

describe('of a large sparse matrix', () => {
  const [rows, columns] = [150, 140];
  const { positions, values } = sparse(rows, columns, 0.06);
  const at = (position: number) => [Math.floor(position / columns), position % columns] as const;
  const alone = nuclearNorm([rows, columns], positions, values, { threads: 1 });
  const reason = 'float32 once singular values are above 0.05 of the largest';

  it.each([
    [300, 280],
    [300, 400],
  ])('[%i, %i]: the same where zeros stand between its rows and columns', async (height, width) => {
    const spread = positions.map((position) => {
      const [row, column] = at(position);
      return row * 2 * width - (row % 2) * width + 2 * column;
    });
    const found = await nuclearNorm([height, width], spread, values, { threads: 1 });
    const { norm, gradient } = await alone;
    expectAllclose([found.norm], [norm], { rtol: 1e-6 });
    expectAllclose(found.gradient, gradient, { atol: 1e-5, reason });
  });

  it('shares the gradient among equal columns, whose differences have singular values of zero', async () => {
    const twice = [...positions].flatMap((position, i) => {
      const [row, column] = at(position);
      return [0, columns].map((shift) => ({ at: (row + 150) * 2 * columns + column + shift, i }));
    });
    twice.sort((a, b) => a.at - b.at);
    const found = await nuclearNorm(
      [300, 2 * columns],
      Int32Array.from(twice, (entry) => entry.at),
      Float32Array.from(twice, ({ i }) => values[i]!),
      { threads: 1 },
    );
    const { norm, gradient } = await alone;
    expectAllclose([found.norm], [Math.SQRT2 * norm], { rtol: 1e-6 });
    const expected = twice.map(({ i }) => gradient[i]! / Math.SQRT2);
    expectAllclose(found.gradient, expected, { atol: 1e-5, reason });
  });

  it('is taken dense where many of its entries are there', async () => {
    const [height, width] = [258, 257];
    const all = Int32Array.from({ length: height * width }, (_, i) => i);
    // Orthogonal but for rank one: I + c 1 1ᵀ of [257, 257], with a row of zeros below.
    const c = 0.01;
    const dense = Float32Array.from(all, (i) => (i >= width * width ? 0 : c + Number(i % (width + 1) === 0)));
    const { norm, gradient } = await nuclearNorm([height, width], all, dense, { threads: 1 });
    expectAllclose([norm], [width * (1 + c)], { rtol: 1e-6 });
    const expected = Float64Array.from(all, (i) => Number(i < width * width && i % (width + 1) === 0));
    expectAllclose(gradient, expected, { atol: 1e-6 });
  });
});

describe('singular values far below the largest', () => {
  it.each([1e-2, 1e-4, 1e-6])('still count: %d', async (small) => {
    // Rotated diag(1, small): both directions have unit weight in the polar factor.
    const [c, s] = [0.8, 0.6];
    const matrix = Float32Array.of(c, -s * small, s, c * small);
    const positions = Int32Array.of(0, 1, 2, 3);
    const { norm, gradient } = await nuclearNorm([2, 2], positions, matrix, { threads: 1 });
    expectAllclose([norm], [1 + small], { rtol: 1e-6 });
    expectAllclose(gradient, polarBySvd(matrix, 2, 2), { atol: 1e-6 });
  });
});

describe('at the edges', () => {
  it('is zero, with a gradient of zero, where all values are', async () => {
    const { norm, gradient } = await nuclearNorm([3, 4], Int32Array.of(1, 5), new Float32Array(2));
    expect([norm, ...gradient]).toEqual([0, 0, 0]);
  });

  it('is the magnitude of a single entry', async () => {
    const { norm, gradient } = await nuclearNorm([70, 80], Int32Array.of(1234), Float32Array.of(-3e-5));
    expectAllclose([norm, ...gradient], [3e-5, -1], { rtol: 1e-6 });
  });
});
