/** The plan of a graph's memory, by hand. */
import { expect, it } from 'vitest';
import { graphOf, input } from '../../../src/graph/index.js';
import { add, gemm, neg, reshape } from '../../../src/ops/index.js';
import { sessionBytes } from '../../../src/train/memory/session-bytes.js';

const KILO = 1000;
/** A matrix of so many kilobytes. */
const matrix = (name: string, kilobytes: number) => input(name, [250, kilobytes]);
const weight = (name: string, from: number, to: number) => input(name, [from, to]);

it('holds two neighbours of a chain of products, and the result', () => {
  const a = gemm(matrix('x', 5), weight('w1', 5, 8));
  const b = gemm(a, weight('w2', 8, 3));
  const y = gemm(b, weight('w3', 3, 2));
  expect(sessionBytes(graphOf({ y }))).toEqual({ peak: 11 * KILO, results: 2 * KILO });
});

it('writes an elementwise result over an input that ends with it, unless the caller wants that', () => {
  const a = gemm(matrix('x', 5), weight('w1', 5, 8));
  const y = neg(neg(a));
  expect(sessionBytes(graphOf({ y })).peak).toBe(16 * KILO);
  expect(sessionBytes(graphOf({ a, y })).peak).toBe(24 * KILO);
});

it('keeps a buffer that a later value of the same shape takes, although nothing lies in it meanwhile', () => {
  const early = gemm(matrix('x', 5), weight('w1', 5, 8));
  const middle = gemm(early, weight('w2', 8, 30));
  const late = gemm(middle, weight('w3', 30, 8));
  const y = gemm(late, weight('w4', 8, 1));
  expect(sessionBytes(graphOf({ y })).peak).toBe(38 * KILO);
  const other = gemm(gemm(middle, weight('w5', 30, 9)), weight('w6', 9, 1));
  expect(sessionBytes(graphOf({ y: other })).peak).toBe(39 * KILO);
});

it('counts what is kept for a later node, and no views', () => {
  const kept = gemm(matrix('x', 5), weight('w1', 5, 8));
  const wide = gemm(reshape(kept, [250, 8]), weight('w2', 8, 20));
  const y = add(kept, gemm(wide, weight('w3', 20, 8)));
  expect(sessionBytes(graphOf({ y })).peak).toBe((8 + 20 + 8) * KILO);
});

it('leaves out results that are written into memory which is there', () => {
  const a = gemm(matrix('x', 5), weight('w1', 5, 8));
  const y = gemm(a, weight('w2', 8, 3));
  expect(sessionBytes(graphOf({ a, y }), new Set([a]))).toEqual({ peak: 3 * KILO, results: 3 * KILO });
});
