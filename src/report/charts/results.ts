/** Results beside one another: which is best, and with how many digits they are written. */
import { significant } from '../format.js';
import { differManyTimes, type Measured } from './axis.js';
import type { Quantity } from './chart.js';
import { signed } from './numbers.js';

/** Of a mean that is no number. */
export const DIVERGED = 'diverged';
const MOST_DECIMALS = 8;

/** Place of the best finite mean; −1 where there is none or no direction is better. */
export function bestOf(results: readonly { readonly mean: number }[], better: Quantity['better']): number {
  if (better === undefined) return -1;
  const sign = better === 'lower' ? 1 : -1;
  let best = -1;
  results.forEach(({ mean }, i) => {
    if (Number.isFinite(mean) && (best < 0 || sign * mean < sign * results[best]!.mean)) best = i;
  });
  return best;
}

/** Significant digits, three to five, with which a hundredth of what the values span can be seen. */
function digitsFor(values: readonly number[]): number {
  const finite = values.filter(Number.isFinite);
  const largest = Math.max(...finite.map(Math.abs));
  const span = Math.max(...finite) - Math.min(...finite);
  return span > 0 ? Math.max(3, Math.min(5, 2 + Math.ceil(Math.log10(largest / span)))) : 3;
}

/**
 * Means and spreads as text, all to the digit at which the usual spread begins to matter. Where means differ many times, or there are no
 * spreads, with so many digits each. The spread is empty where there is none.
 */
export function written(results: readonly Measured[]): { readonly mean: string; readonly spread: string }[] {
  const means = results.map(({ mean }) => mean).filter(Number.isFinite);
  const spreads = results
    .map(({ spread }) => spread)
    .filter((spread) => spread > 0 && Number.isFinite(spread));
  const usual = spreads.sort((a, b) => a - b)[Math.floor(spreads.length / 2)];
  const text =
    usual === undefined || differManyTimes(means)
      ? (value: number, digits: number) => significant(value, digits)
      : (value: number) => value.toFixed(decimalsOf(usual));
  const digits = digitsFor(means);
  return results.map(({ mean, spread }) => {
    if (!Number.isFinite(mean)) return { mean: DIVERGED, spread: '' };
    const none = usual === undefined || !Number.isFinite(spread);
    return { mean: signed(text(mean, digits)), spread: none ? '' : text(spread, 2) };
  });
}

/** Two digits of it. */
function decimalsOf(spread: number): number {
  return Math.min(MOST_DECIMALS, Math.max(0, 1 - Math.floor(Math.log10(spread))));
}
