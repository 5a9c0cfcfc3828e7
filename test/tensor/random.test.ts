/** The random generator: known answers, independence of streams, moments. */
import { describe, expect, test } from 'vitest';
import { philox4x32, Random } from '../../src/tensor/index.js';

describe('Philox4x32-10', () => {
  // Known answers of the authors' Random123 library (kat_vectors).
  test.each([
    [
      [0, 0, 0, 0],
      [0, 0],
      [0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8],
    ],
    [
      [0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff],
      [0xffffffff, 0xffffffff],
      [0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd],
    ],
    [
      [0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344],
      [0xa4093822, 0x299f31d0],
      [0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1],
    ],
  ] as const)('counter %j key %j', (counter, key, expected) => {
    expect(philox4x32(counter, key)).toEqual(expected);
  });
});

test('equal names give equal streams, any other name another', () => {
  const draw = (...name: [number, string, ...number[]]) => [...new Random(...name).uniform(8)];
  const first = draw(1, 'noise', 5);
  expect(draw(1, 'noise', 5)).toEqual(first);
  for (const other of [
    draw(2, 'noise', 5),
    draw(1, 'noise', 6),
    draw(1, 'noises', 5),
    draw(1, 'noise', 5, 0),
  ]) {
    expect(other).not.toEqual(first);
  }
});

test('the first normals of a stream, which files in the wild will depend on', () => {
  expect([...new Random(0, 'latents', 0).normal(3)].map((value) => value.toFixed(6))).toMatchInlineSnapshot(`
    [
      "0.706691",
      "-0.755623",
      "2.068322",
    ]
  `);
});

test('moments of normals and uniforms', () => {
  const n = 40000;
  const mean = (values: Float32Array, power: number) => values.reduce((sum, x) => sum + x ** power, 0) / n;
  const normal = new Random(3, 'moments').normal(n);
  expect(Math.abs(mean(normal, 1))).toBeLessThan(0.02);
  expect(Math.abs(mean(normal, 2) - 1)).toBeLessThan(0.03);
  expect(Math.abs(mean(normal, 4) - 3)).toBeLessThan(0.2);
  const uniform = new Random(3, 'moments').uniform(n);
  expect(Math.abs(mean(uniform, 1) - 1 / 2)).toBeLessThan(0.01);
  expect(uniform.every((x) => x >= 0 && x < 1)).toBe(true);
});

test('integers stay in range and permutations are permutations', () => {
  const integers = new Random(4, 'integers').integers(5000, -2, 3);
  expect(new Set(integers)).toEqual(new Set([-2, -1, 0, 1, 2]));
  const order = new Random(4, 'order').permutation(100);
  expect([...order].sort((a, b) => a - b)).toEqual(Array.from({ length: 100 }, (_, i) => i));
  expect([...order]).not.toEqual([...order].sort((a, b) => a - b));
});
