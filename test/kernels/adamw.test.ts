/** AdamW's update against its formula in float64. */
import { describe, expect, test } from 'vitest';
import { adamwUpdate } from '../../src/kernels/index.js';
import { Random } from '../../src/tensor/index.js';
import { expectAllclose } from '../support/allclose.js';

const OPTIONS = { learningRate: 1e-2, betas: [0.9, 0.999], epsilon: 1e-8, weightDecay: 0.1 } as const;
const FLOAT32 = { rtol: 1e-6, atol: 1e-7, reason: 'float32 arithmetic' };

const values = (name: string, length: number) => new Random(5, name).normal(length);

/** Three updates of the formula, on ordinary numbers. */
function reference(weights: Float32Array, indices: Int32Array, gradient: Float32Array, clip: number) {
  const { learningRate, betas, epsilon, weightDecay } = OPTIONS;
  const [beta1, beta2] = betas;
  const w = Float64Array.from(weights);
  const [m, v] = [new Float64Array(gradient.length), new Float64Array(gradient.length)];
  for (let t = 1; t <= 3; t++)
    indices.forEach((at, i) => {
      const g = clip * gradient[i]!;
      m[i] = beta1 * m[i]! + (1 - beta1) * g;
      v[i] = beta2 * v[i]! + (1 - beta2) * g * g;
      const [mHat, vHat] = [m[i]! / (1 - beta1 ** t), v[i]! / (1 - beta2 ** t)];
      w[at] = (1 - learningRate * weightDecay) * w[at]! - (learningRate * mHat) / (Math.sqrt(vHat) + epsilon);
    });
  return { w, m, v };
}

describe.each([1, 3, 4, 5, 4096, 10_001])('%i weights', (length) => {
  const all = Int32Array.from({ length }, (_, i) => i);
  const cases: Record<string, Int32Array | undefined> = {
    'whole arrays': undefined,
    'every entry': all,
    'some entries': all.filter((i) => i % 3 !== 1),
    'no entries': new Int32Array(0),
  };
  test.each(Object.keys(cases))('%s', (name) => {
    const indices = cases[name];
    const weights = values('weights', length);
    const gradient = values('gradient', (indices ?? weights).length);
    const expected = reference(weights, indices ?? all, gradient, 0.7);
    const [mean, square] = [new Float32Array(gradient.length), new Float32Array(gradient.length)];
    const given = gradient.slice();
    for (let update = 1; update <= 3; update++)
      adamwUpdate({ weights, indices, gradient, mean, square }, { ...OPTIONS, update, clip: 0.7 });
    expectAllclose(weights, expected.w, FLOAT32);
    expectAllclose(mean, expected.m, FLOAT32);
    expectAllclose(square, expected.v, FLOAT32);
    expect(gradient).toEqual(given);
  });
});

test('arrays of other lengths are refused', () => {
  const [two, three] = [new Float32Array(2), new Float32Array(3)];
  const update = { ...OPTIONS, update: 1 };
  expect(() => adamwUpdate({ weights: two, gradient: three, mean: two, square: two }, update)).toThrow(
    /3, 2 and 2 values for 2 entries/,
  );
});
