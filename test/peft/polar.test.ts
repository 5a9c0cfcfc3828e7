/** What the nuclear norm is made of: rational steps, inverses by blocks, products with sparse matrices. */
import { describe, expect, it } from 'vitest';
import { graphOf, input } from '../../src/graph/index.js';
import { compile, evaluate } from '../../src/ops/index.js';
import { shiftedInverse } from '../../src/peft/sara/block-inverse.js';
import { SparseMatrix } from '../../src/peft/sara/sparse-matrix.js';
import { valueAt, zolotarevSteps } from '../../src/peft/sara/zolotarev.js';
import { Random, tensorOf } from '../../src/tensor/index.js';
import { expectAllclose } from '../support/allclose.js';

/** The product of [m, k] and [k, n] matrices. */
function product(
  m: number,
  inner: number,
  n: number,
  a: (i: number, k: number) => number,
  b: (k: number, j: number) => number,
): Float64Array {
  return Float64Array.from({ length: m * n }, (_, at) => {
    let sum = 0;
    for (let k = 0; k < inner; k++) sum += a(Math.floor(at / n), k) * b(k, at % n);
    return sum;
  });
}

/** Numbers from `least` to 1, evenly in their logarithms. */
const between = (least: number, count = 2000): number[] =>
  Array.from({ length: count }, (_, i) => least ** (1 - i / (count - 1)));

describe("Zolotarev's functions", () => {
  it.each([
    [1e-5, [2, 2], 5.7e-4],
    [1e-5, [1, 1, 1], 2.7e-4],
    [2e-5, [1, 1, 2], 1.1e-7],
    [1e-7, [1, 1, 1, 2], 1e-12],
  ] as const)('take [%d, 1] to 1 with %j poles, but for %d', (least, poles, error) => {
    const steps = zolotarevSteps(least, poles);
    const images = between(least).map((x) => steps.reduce((value, step) => valueAt(step, value), x));
    expect(Math.max(...images)).toBeLessThan(1 + 1e-12);
    expect(Math.min(...images)).toBeGreaterThan(1 - error);
  });

  it('with one pole are dynamically weighted Halley steps', () => {
    // Nakatsukasa, Bai & Gygi 2010, Eq. 3.21: x (a + b x²) / (1 + c x²)
    const lower = 0.01;
    const d = ((4 * (1 - lower ** 2)) / lower ** 4) ** (1 / 3);
    const root = Math.sqrt(1 + d);
    const a = root + Math.sqrt(8 - 4 * d + (8 * (2 - lower ** 2)) / (lower ** 2 * root)) / 2;
    const b = (a - 1) ** 2 / 4;
    const c = a + b - 1;
    const [step] = zolotarevSteps(lower, [1]);
    const xs = between(lower, 20);
    expectAllclose(
      xs.map((x) => valueAt(step!, x)),
      xs.map((x) => (x * (a + b * x * x)) / (1 + c * x * x)),
      { rtol: 1e-9 },
    );
  });

  it('deviate from 1 as often as there are coefficients, by turns to both sides', () => {
    const [least, poles] = [0.1, 2];
    const [step] = zolotarevSteps(least, [poles]);
    const values = between(least).map((x) => valueAt(step!, x));
    const turns = values.filter(
      (value, i) => i > 0 && i < values.length - 1 && (value - values[i - 1]!) * (values[i + 1]! - value) < 0,
    );
    const extremes = [values[0]!, ...turns, values.at(-1)!];
    const [low, high] = [Math.min(...values), Math.max(...values)];
    expectAllclose(
      extremes,
      Array.from({ length: 2 * poles + 2 }, (_, i) => (i % 2 === 0 ? low : high)),
      { rtol: 1e-4, reason: 'extremes are looked for on a grid' },
    );
  });
});

describe('the inverse by blocks', () => {
  it.each([50, 97, 150, 400])('of a matrix with side %i, of rank 40 but for the shift', async (side) => {
    const rank = 40;
    const shift = 1e-6;
    const factor = new Random(3, 'factor', side).normal(side * rank).map((value) => value / side);
    const matrix = product(
      side,
      rank,
      side,
      (i, k) => factor[i * rank + k]!,
      (k, j) => factor[j * rank + k]!,
    );
    const a = input('a', [side, side], 'float64');
    const session = await compile(graphOf({ y: shiftedInverse(a, shift) }), { threads: 1 });
    const feeds = new Map([['a', tensorOf('float64', [side, side], matrix)]]);
    const inverse = (await session.run(feeds)).get('y')!.data as Float64Array;
    await session.dispose();
    const columns = product(
      side,
      side,
      rank,
      (i, k) => inverse[i * side + k]!,
      (k, j) => factor[k * rank + j]!,
    );
    // (F Fᵀ + s I)⁻¹ F = F (Fᵀ F + s I)⁻¹
    const small = product(
      rank,
      side,
      rank,
      (i, k) => factor[k * rank + i]!,
      (k, j) => factor[k * rank + j]!,
    );
    for (let i = 0; i < rank; i++) small[i * rank + i]! += shift;
    const back = product(
      side,
      rank,
      rank,
      (i, k) => columns[i * rank + k]!,
      (k, j) => small[k * rank + j]!,
    );
    expectAllclose(back, factor, { rtol: 0, atol: 1e-9, reason: 'the condition is 3e4' });
  });

  it('is what its graph says', () => {
    const a = input('a', [3, 3], 'float64');
    const matrix = Float64Array.of(1, 1, 0, 1, 1, 0, 0, 0, 3);
    const { y } = Object.fromEntries(
      evaluate(graphOf({ y: shiftedInverse(a, 1) }), new Map([['a', matrix]])),
    );
    expectAllclose(y!, [2 / 3, -1 / 3, 0, -1 / 3, 2 / 3, 0, 0, 0, 1 / 4], { atol: 1e-15 });
  });
});

describe.each([
  { rows: 300, columns: 40 },
  { rows: 40, columns: 300 },
])('a sparse matrix [$rows, $columns]', ({ rows, columns }) => {
  const random = new Random(5, 'sparse', rows, columns);
  const positions = Int32Array.from({ length: rows * columns }, (_, i) => i).filter(
    () => random.next() < 0.3,
  );
  const values = random.normal(positions.length);
  const matrix = new SparseMatrix([rows, columns], positions, values, 0.5);
  const side = Math.min(rows, columns);
  const tall = rows > columns;
  const long = Math.max(rows, columns);
  /** Turned tall. */
  const dense = new Float64Array(rows * columns);
  const places = positions.map((at) => (tall ? at : (at % columns) * side + Math.floor(at / columns)));
  places.forEach((place, i) => {
    dense[place] = 0.5 * values[i]!;
  });

  it('has the Gram matrix of its short side', () => {
    const expected = Float64Array.from({ length: side * side }, (_, at) => {
      let sum = 0;
      for (let row = 0; row < long; row++)
        sum += dense[row * side + Math.floor(at / side)]! * dense[row * side + (at % side)]!;
      return sum;
    });
    expectAllclose(matrix.gram(), expected, { rtol: 1e-12, atol: 1e-12 });
  });

  it('times I + Z is computed at its entries', () => {
    const z = new Float64Array(side * side);
    for (let i = 0; i < side; i++) for (let j = 0; j < side; j++) z[i * side + j] = random.next() - 0.5;
    const expected = Float64Array.from(places, (place) => {
      const [row, column] = [Math.floor(place / side), place % side];
      let sum = dense[place]!;
      for (let k = 0; k < side; k++) sum += dense[row * side + k]! * z[k * side + column]!;
      return sum;
    });
    expectAllclose(matrix.productAtEntries(z), expected, { rtol: 1e-12, atol: 1e-12 });
  });
});
