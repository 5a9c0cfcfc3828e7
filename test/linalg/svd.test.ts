/** Singular values and vectors: against one-sided Jacobi rotations, and by what defines them. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Dense, dense, product, qr, singularValues, svd, transposed } from '../../src/linalg/index.js';
import { Random } from '../../src/tensor/index.js';
import { expectAllclose } from '../support/allclose.js';
import { svd as jacobi } from '../support/svd.js';

const random = (rows: number, columns: number, seed = 1): Dense =>
  dense(rows, columns, new Random(seed, 'matrix').normal(rows * columns));

/** U Σ Vᵀ */
async function rebuilt(matrix: Dense): Promise<Float64Array> {
  const { values, left, right } = svd(matrix);
  const scaled = left.data.map((value, i) => value * values[i % left.columns]!);
  return (await product({ ...left, data: scaled }, right, { transposeB: true })).data;
}

async function expectOrthonormal(matrix: Dense): Promise<void> {
  const gram = await product(matrix, matrix, { transposeA: true });
  const identity = gram.data.map((_, i) => (i % (gram.columns + 1) === 0 ? 1 : 0));
  expectAllclose(gram.data, identity, { rtol: 0, atol: 1e-12 });
}

describe.each([
  ['square', random(24, 24)],
  ['tall', random(31, 24)],
  ['so tall that QR comes first', random(70, 24)],
  ['wide', random(20, 53)],
  ['one column', random(9, 1)],
  ['one number', random(1, 1)],
  ['zeros', dense(6, 4, new Float64Array(24))],
])('%s', (_, matrix) => {
  it('has the singular values that Jacobi rotations find', () => {
    const { rows, columns, data } = matrix.rows < matrix.columns ? transposed(matrix) : matrix;
    const expected = jacobi(data, rows, columns).singular.sort().reverse();
    const atol = 1e-13 * Math.max(1, expected[0]!);
    expectAllclose(singularValues(matrix), expected, { rtol: 1e-13, atol });
    expectAllclose(svd(matrix).values, expected, { rtol: 1e-13, atol });
  });

  it('is its factors, which are orthonormal', async () => {
    expectAllclose(await rebuilt(matrix), matrix.data, { rtol: 0, atol: 1e-12 });
    const { left, right } = svd(matrix);
    await expectOrthonormal(left);
    await expectOrthonormal(right);
  });
});

it('decomposes matrices of small integers, with the many zeros and equal values that they have', () => {
  const matrices = fc
    .tuple(fc.integer({ min: 1, max: 9 }), fc.integer({ min: 1, max: 9 }))
    .chain(([rows, columns]) =>
      fc
        .array(fc.integer({ min: -1, max: 1 }), { minLength: rows * columns, maxLength: rows * columns })
        .map((values) => dense(rows, columns, values)),
    );
  return fc.assert(
    fc.asyncProperty(matrices, async (matrix) => {
      expectAllclose(await rebuilt(matrix), matrix.data, { rtol: 0, atol: 1e-13 });
    }),
    { numRuns: 300, seed: 7 },
  );
});

it('gives zeros to rounding for a matrix of low rank', async () => {
  const matrix = await product(random(40, 3), random(3, 40, 2));
  const values = singularValues(matrix);
  expect(values[2]!).toBeGreaterThan(1);
  expect(values[3]!).toBeLessThan(1e-13 * values[0]!);
});

it('factors A = QR', async () => {
  const matrix = random(12, 5);
  const { r, timesQ } = qr(matrix);
  expectAllclose(timesQ(r).data, matrix.data, { rtol: 0, atol: 1e-14 });
  r.data.forEach((value, at) => {
    if (Math.floor(at / 5) > at % 5) expect(value).toBe(0);
  });
});
