/** Axes: places of values and ticks against hand arithmetic. */
import { describe, expect, it } from 'vitest';
import { axis, isGeometric, settingAxis, valueAxis } from '../../../src/report/charts/axis.js';
import { alike, plain } from '../../../src/report/charts/numbers.js';

it('places values in proportion, with ticks at round numbers', () => {
  const { at, ticks, text } = axis(0, 10, 100, 300);
  expect([0, 2.5, 10].map(at)).toEqual([100, 150, 300]);
  expect(ticks).toEqual([0, 2, 4, 6, 8, 10]);
  expect(axis(0.096, 0.131, 0, 1).ticks.map(axis(0.096, 0.131, 0, 1).text)).toEqual([
    '0.10',
    '0.11',
    '0.12',
    '0.13',
  ]);
  expect(text(4)).toBe('4');
});

it('leaves a margin of 6 % around values and their bars', () => {
  const { at } = valueAxis(
    [
      { mean: 10, spread: 0 },
      { mean: 100, spread: 10 },
    ],
    0,
    112,
  );
  // From 10 − 6 to 110 + 6: a pixel for each unit.
  expect([4, 10, 110, 116].map(at)).toEqual([0, 6, 106, 112]);
});

it('takes logarithms of values that differ many times, and draws bars below zero to the start', () => {
  const { at, ticks } = valueAxis(
    [
      { mean: 1, spread: 0 },
      { mean: 100, spread: 100 },
    ],
    0,
    1000,
  );
  // Three marks: 1, 100, 200; the margin is 200^0.06 on either side.
  const share = 0.06 / 1.12;
  expect(at(1)).toBeCloseTo(1000 * share, 0);
  expect(at(Math.sqrt(200))).toBe(500);
  expect(at(0)).toBe(0);
  expect(ticks).toEqual([1, 2, 5, 10, 20, 50, 100, 200]);
});

it('has no ticks and no NaN without finite values', () => {
  const { at, ticks } = valueAxis([{ mean: Number.NaN, spread: 1 }], 0, 100);
  expect(ticks).toEqual([]);
  expect(at(0.5)).toBe(50);
});

describe('settings', () => {
  it('are spaced by ratio where that is more even', () => {
    expect(isGeometric([1e-5, 1e-4, 1e-3])).toBe(true);
    expect(isGeometric([0.0058, 0.0233, 0.0582])).toBe(true);
    expect(isGeometric([1, 2, 3, 4])).toBe(false);
    expect(isGeometric([0, 1, 10, 100])).toBe(false);
    expect(isGeometric([1, 100])).toBe(false);
  });

  it('have ticks at their values', () => {
    const { at, ticks, text } = settingAxis([1e-3, 1e-5, 1e-4, 1e-4], 0, 112);
    expect(ticks).toEqual([1e-5, 1e-4, 1e-3]);
    expect(ticks.map(text)).toEqual(['1e-5', '1e-4', '1e-3']);
    expect(ticks.map(at)).toEqual([6, 56, 106]);
  });

  it('may be one value or none', () => {
    expect(settingAxis([5], 0, 100).at(5)).toBe(50);
    expect(settingAxis([], 0, 112).at(0)).toBe(6);
  });
});

it('writes numbers without noise', () => {
  expect([0.1 + 0.2, 20000, 2e-4, -1.5, 0, 5e6].map(plain)).toEqual([
    '0.3',
    '20000',
    '2e-4',
    '−1.5',
    '0',
    '5e6',
  ]);
  expect([0, 2e-4, 1e-3].map(alike([0, 2e-4, 1e-3]))).toEqual(['0', '2e-4', '1e-3']);
});
