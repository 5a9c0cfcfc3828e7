/** 16-bit floats: every bit pattern there and back, and rounding to nearest even. */
import { expect, test } from 'vitest';
import { bfloatToFloat32, floatToBfloat, floatToHalf, halfToFloat32 } from '../../src/tensor/index.js';

const patterns = Uint16Array.from({ length: 65536 }, (_, i) => i);

test('every float16 comes back from its float32 value', () => {
  const values = halfToFloat32(patterns);
  const wrong = patterns.filter((bits, i) => !Number.isNaN(values[i]) && floatToHalf(values[i]!) !== bits);
  expect([...wrong]).toEqual([]);
});

test('every bfloat16 comes back from its float32 value', () => {
  const values = bfloatToFloat32(patterns);
  const wrong = patterns.filter((bits, i) => !Number.isNaN(values[i]) && floatToBfloat(values[i]!) !== bits);
  expect([...wrong]).toEqual([]);
});

test.each([
  [1, 0x3c00],
  [-2, 0xc000],
  [65504, 0x7bff],
  [65519.99, 0x7bff],
  [65520, 0x7c00],
  [2 ** -24, 0x0001],
  [2 ** -25, 0x0000],
  [1.5 * 2 ** -25, 0x0001],
  [1 + 2 ** -11, 0x3c00],
  [1 + 3 * 2 ** -11, 0x3c02],
  [Number.POSITIVE_INFINITY, 0x7c00],
])('float16 of %f', (value, bits) => {
  expect(floatToHalf(value)).toBe(bits);
});

test('halves between two neighbours round to the nearer, ties to even', () => {
  const values = halfToFloat32(patterns);
  for (let bits = 0x0001; bits < 0x7bff; bits += 37) {
    const [low, high] = [values[bits]!, values[bits + 1]!];
    const middle = (low + high) / 2;
    expect(floatToHalf(middle)).toBe(bits % 2 === 0 ? bits : bits + 1);
    expect(floatToHalf(low + (high - low) * 0.4)).toBe(bits);
  }
});

test('not a number stays one', () => {
  expect(halfToFloat32(Uint16Array.of(floatToHalf(Number.NaN)))[0]).toBeNaN();
  expect(bfloatToFloat32(Uint16Array.of(floatToBfloat(Number.NaN)))[0]).toBeNaN();
});
