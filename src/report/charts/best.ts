/** Which of several results is best, and how many digits tell them apart. */
import type { Quantity } from './chart.js';

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
export function digitsFor(values: readonly number[]): number {
  const finite = values.filter(Number.isFinite);
  const largest = Math.max(...finite.map(Math.abs));
  const span = Math.max(...finite) - Math.min(...finite);
  return span > 0 ? Math.max(3, Math.min(5, 2 + Math.ceil(Math.log10(largest / span)))) : 3;
}
