/** How many weights of a network are small: in all, in each layer, and as a histogram. */
import type { Network } from '../nn/index.js';

/** The thresholds that the paper's tables use. */
export const PAPER_THRESHOLDS = [2e-4, 8e-4, 2e-3, 5e-3, 1e-2] as const;

/** Borders of the histogram's bins: each half a power of ten, from 1e-6 to 10. */
const BINS = Array.from({ length: 15 }, (_, i) => 10 ** (i / 2 - 6));

export interface WeightReport {
  total: number;
  below: { threshold: number; count: number }[];
  /** Weights with from ≤ |w| < to; the first bin starts at 0, the last has no end in truth. */
  histogram: { from: number; to: number; count: number }[];
  /** `below` counts in the order of PAPER_THRESHOLDS. */
  layers: { key: string; shape: readonly number[]; count: number; below: number[] }[];
}

export function weightReport({ parameters }: Network): WeightReport {
  const histogram = BINS.slice(1).map((to, i) => ({ from: i === 0 ? 0 : BINS[i]!, to, count: 0 }));
  const bounds = PAPER_THRESHOLDS.map(Math.fround);
  const layers = [...parameters].map(([key, { shape, data }]) => {
    const below = bounds.map(() => 0);
    for (let i = 0; i < data.length; i++) {
      const magnitude = Math.abs(data[i]!);
      bounds.forEach((bound, k) => {
        if (magnitude < bound) below[k]!++;
      });
      const bin = Math.floor(2 * (Math.log10(magnitude) + 6));
      histogram[Math.min(histogram.length - 1, Math.max(0, bin))]!.count++;
    }
    return { key, shape, count: data.length, below };
  });
  const sum = (values: number[]) => values.reduce((a, b) => a + b, 0);
  return {
    total: sum(layers.map(({ count }) => count)),
    below: PAPER_THRESHOLDS.map((threshold, k) => ({
      threshold,
      count: sum(layers.map(({ below }) => below[k]!)),
    })),
    histogram,
    layers,
  };
}
