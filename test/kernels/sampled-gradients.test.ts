/** Sampled weight gradients against plain float64 sums; their independence of the number of threads. */
import { afterAll, describe, expect, test } from 'vitest';
import { type ConvShape, type LinearShape, SampledGradients } from '../../src/kernels/index.js';
import { Random } from '../../src/tensor/index.js';
import { expectAllclose } from '../support/allclose.js';

const one = await SampledGradients.create({ threads: 1 });
const three = await SampledGradients.create({ threads: 3 });
afterAll(async () => {
  await one.dispose();
  await three.dispose();
});

/** Sums of positive terms, so that a relative tolerance is a fair one. */
function values(name: string, length: number): Float32Array {
  return new Random(7, name).uniform(length).map((value) => value + 0.1);
}

function chosen(density: number, length: number): Int32Array {
  const draws = new Random(3, 'positions').uniform(length);
  return Int32Array.from(draws.keys()).filter((i) => draws[i]! < density);
}

function linearReference({ rows, outputs, inputs }: LinearShape, dY: Float32Array, x: Float32Array) {
  const dW = new Float64Array(outputs * inputs);
  for (let n = 0; n < rows; n++)
    for (let o = 0; o < outputs; o++)
      for (let i = 0; i < inputs; i++) dW[o * inputs + i]! += dY[n * outputs + o]! * x[n * inputs + i]!;
  return dW;
}

function convolutionReference(shape: ConvShape, dY: Float32Array, x: Float32Array): Float64Array {
  const { batch, outputs, channels, height, width, kernel, stride, padding, outHeight, outWidth } = shape;
  const [kh, kw] = kernel;
  const [top, left] = padding;
  const dW = new Float64Array(outputs * channels * kh * kw);
  for (let w = 0; w < dW.length; w++) {
    const v = w % kw;
    const u = Math.floor(w / kw) % kh;
    const c = Math.floor(w / (kw * kh)) % channels;
    const o = Math.floor(w / (kw * kh * channels));
    for (let n = 0; n < batch; n++)
      for (let i = 0; i < outHeight; i++)
        for (let j = 0; j < outWidth; j++) {
          const row = i * stride + u - top;
          const column = j * stride + v - left;
          if (row < 0 || column < 0 || row >= height || column >= width) continue;
          dW[w]! +=
            dY[((n * outputs + o) * outHeight + i) * outWidth + j]! *
            x[((n * channels + c) * height + row) * width + column]!;
        }
  }
  return dW;
}

function conv(
  [batch, channels, height, width]: [number, number, number, number],
  outputs: number,
  kernel: [number, number],
  stride: number,
  padding: [number, number, number, number],
): ConvShape {
  const outHeight = Math.floor((height + padding[0] + padding[2] - kernel[0]) / stride) + 1;
  const outWidth = Math.floor((width + padding[1] + padding[3] - kernel[1]) / stride) + 1;
  return { batch, outputs, channels, height, width, kernel, stride, padding, outHeight, outWidth };
}

/** Compares at these positions, on one thread and on three. */
function check(
  dW: Float64Array,
  positions: Int32Array,
  run: (gradients: SampledGradients, out: Float32Array) => void,
): void {
  const [out, outOfThree] = [new Float32Array(positions.length), new Float32Array(positions.length)];
  run(one, out);
  run(three, outOfThree);
  expectAllclose(
    out,
    Float64Array.from(positions, (at) => dW[at]!),
    { rtol: 1e-5, atol: 0 },
  );
  expect(Buffer.compare(Buffer.from(outOfThree.buffer), Buffer.from(out.buffer))).toBe(0);
}

const DENSITIES = [0.006, 0.06, 0.5, 1];

describe('linear', () => {
  const shapes: LinearShape[] = [
    { rows: 1, outputs: 40, inputs: 37 },
    { rows: 3, outputs: 5, inputs: 4 },
    { rows: 77, outputs: 33, inputs: 70 },
    { rows: 256, outputs: 64, inputs: 48 },
    { rows: 530, outputs: 3, inputs: 130 },
  ];
  for (const shape of shapes)
    test(`${shape.rows} tokens, ${shape.inputs} → ${shape.outputs}`, () => {
      const dY = values('dY', shape.rows * shape.outputs);
      const x = values('x', shape.rows * shape.inputs);
      const dW = linearReference(shape, dY, x);
      for (const density of DENSITIES) {
        const positions = chosen(density, dW.length);
        check(dW, positions, (gradients, out) => gradients.linear(shape, dY, x, positions, out));
      }
    });

  test('many chunks of positions', () => {
    const shape = { rows: 2, outputs: 1100, inputs: 600 };
    const dY = values('dY', shape.rows * shape.outputs);
    const x = values('x', shape.rows * shape.inputs);
    const dW = linearReference(shape, dY, x);
    const positions = chosen(1, dW.length);
    check(dW, positions, (gradients, out) => gradients.linear(shape, dY, x, positions, out));
  });
});

describe('convolution', () => {
  const shapes: Record<string, ConvShape> = {
    'one row more than fits': conv([1, 5, 4, 4], 6, [3, 3], 1, [1, 1, 1, 1]),
    'small planes': conv([3, 6, 8, 8], 10, [3, 3], 1, [1, 1, 1, 1]),
    'large planes': conv([1, 7, 32, 32], 9, [3, 3], 1, [1, 1, 1, 1]),
    'large planes, batch 3': conv([3, 4, 30, 33], 5, [3, 3], 1, [1, 1, 1, 1]),
    'asymmetric padding': conv([2, 3, 33, 30], 5, [3, 3], 1, [0, 2, 1, 0]),
    'asymmetric padding the other way': conv([2, 3, 33, 30], 5, [3, 3], 1, [2, 0, 0, 1]),
    'stride 2': conv([2, 4, 34, 36], 6, [3, 3], 2, [1, 1, 1, 1]),
    'stride 2, odd sides, asymmetric padding': conv([3, 4, 43, 41], 6, [3, 3], 2, [0, 0, 1, 1]),
    'stride 2, small': conv([2, 4, 8, 8], 6, [3, 3], 2, [1, 1, 1, 1]),
    'stride 3': conv([2, 4, 44, 46], 6, [4, 5], 3, [2, 1, 0, 3]),
    '1×1': conv([1, 20, 16, 16], 12, [1, 1], 1, [0, 0, 0, 0]),
    '1×1, batch 3': conv([3, 20, 5, 7], 12, [1, 1], 1, [0, 0, 0, 0]),
    '1×1, stride 2': conv([2, 20, 40, 42], 12, [1, 1], 2, [0, 0, 0, 0]),
    'one output position': conv([1, 11, 1, 1], 12, [1, 1], 1, [0, 0, 0, 0]),
    'a kernel larger than the planes': conv([2, 3, 3, 2], 4, [5, 5], 1, [2, 2, 2, 2]),
    'padding wider than the planes': conv([1, 3, 2, 2], 4, [2, 2], 1, [4, 5, 4, 5]),
  };
  for (const [name, shape] of Object.entries(shapes))
    test(name, () => {
      const { batch, outputs, channels, height, width, outHeight, outWidth } = shape;
      const dY = values('dY', batch * outputs * outHeight * outWidth);
      const x = values('x', batch * channels * height * width);
      const dW = convolutionReference(shape, dY, x);
      for (const density of DENSITIES) {
        const positions = chosen(density, dW.length);
        check(dW, positions, (gradients, out) => gradients.convolution(shape, dY, x, positions, out));
      }
      const last = Int32Array.of(dW.length - 1);
      check(dW, last, (gradients, out) => gradients.convolution(shape, dY, x, last, out));
    });

  test('pieces of a reduction that does not fit the memory at once add up', () => {
    const shape = conv([2, 2, 3000, 3000], 2, [1, 3], 1, [0, 1, 0, 1]);
    const [dY, x] = [new Float32Array(36e6), new Float32Array(36e6)];
    for (let i = 0; i < 36e6; i += 9001) dY[i] = 1 + (i % 7);
    for (let i = 0; i < 36e6; i++) x[i] = i % 5;
    const positions = chosen(1, 12);
    const out = new Float32Array(12);
    three.convolution(shape, dY, x, positions, out);
    const expected = Float64Array.from(positions, (w) => {
      const [v, c, o] = [w % 3, Math.floor(w / 3) % 2, Math.floor(w / 6)];
      let sum = 0;
      for (let i = 0; i < 36e6; i += 9001) {
        const column = (i % 3000) + v - 1;
        const [plane, inPlane] = [Math.floor(i / 9e6), i % 9e6];
        if (plane % 2 !== o || column < 0 || column >= 3000) continue;
        sum += dY[i]! * x[(plane - o + c) * 9e6 + inPlane + v - 1]!;
      }
      return sum;
    });
    expectAllclose(out, expected, { rtol: 1e-5, atol: 0 });
  });
});

describe('both', () => {
  test('no positions ask for nothing', () => {
    const [four, out] = [new Float32Array(4), new Float32Array(0)];
    three.linear({ rows: 2, outputs: 2, inputs: 2 }, four, four, new Int32Array(0), out);
    expect(out).toHaveLength(0);
  });

  test('what was begun goes on while the calling thread does something else', () => {
    const shape = { rows: 5, outputs: 40, inputs: 50 };
    const [dY, x] = [values('dY', 200), values('x', 250)];
    const positions = chosen(0.4, 2000);
    const [first, second, third, expected] = [0, 1, 2, 3].map(() => new Float32Array(positions.length));
    one.linear(shape, dY, x, positions, expected!);
    const finish = three.beginLinear(shape, dY, x, positions, first!);
    const finishSecond = three.beginLinear(shape, dY, x, positions, second!);
    expect(first).toEqual(expected);
    finishSecond();
    expect(second).toEqual(expected);
    expect(finish()).toBe(finishSecond());
    const again = three.beginLinear(shape, dY, x, positions, third!);
    finishSecond();
    one.linear(shape, dY, x, positions, expected!);
    expect(three.linear(shape, dY, x, positions, second!)).toBe(again());
    expect(third).toEqual(expected);
  });

  test('the squares of all entries are summed', () => {
    const shape = { rows: 3, outputs: 100, inputs: 130 };
    const [dY, x] = [values('dY', 300), values('x', 390)];
    const positions = chosen(0.9, 13_000);
    const out = new Float32Array(positions.length);
    const sum = one.linear(shape, dY, x, positions, out);
    expectAllclose([sum], [out.reduce((total, value) => total + value * value, 0)], { rtol: 1e-12 });
    expect(three.linear(shape, dY, x, positions, out)).toBe(sum);
    expect(one.linear(shape, dY.fill(Number.NaN), x, positions, out)).toBeNaN();
  });

  test('wrong lengths are refused', () => {
    const shape = { rows: 2, outputs: 2, inputs: 3 };
    const [dY, x, out] = [new Float32Array(4), new Float32Array(6), new Float32Array(1)];
    expect(() => one.linear(shape, x, x, Int32Array.of(1), out)).toThrow(/6 and 6 values/);
    expect(() => one.linear(shape, dY, x, Int32Array.of(6), out)).toThrow(/beyond the 6 entries/);
    expect(() => one.linear(shape, dY, x, Int32Array.of(1, 2), out)).toThrow(/room for 1/);
  });

  test('what was in the memory before does not matter', () => {
    const shape = conv([1, 3, 5, 5], 4, [3, 3], 1, [1, 1, 1, 1]);
    const [dY, x] = [values('dY', 100), values('x', 75)];
    const positions = chosen(1, 108);
    const [before, after] = [new Float32Array(108), new Float32Array(108)];
    three.convolution(shape, dY, x, positions, before);
    const not = new Float32Array(40_000).fill(Number.NaN);
    three.linear({ rows: 100, outputs: 400, inputs: 400 }, not, not, Int32Array.of(0), new Float32Array(1));
    three.convolution(shape, dY, x, positions, after);
    expect(after).toEqual(before);
  });
});
