/** Numbers of every weight of a model of which a golden case keeps some tensors, and of all the sum and the L2 norm. */
import type { GoldenTensors } from './case.js';
import { type Bounds, boundsChecks, type Check } from './check.js';

/** By checkpoint key, in the model's order. */
export type Numbers = ReadonlyMap<string, Float32Array>;

export interface SummaryTolerance {
  readonly bounds: Bounds;
  /** Kept entries may also be off by this share of themselves. */
  readonly rtol?: number;
}

/** Checks the tensors that are kept entry by entry, and all by their norms and sums. */
export function summaryChecks(
  name: string,
  numbers: Numbers,
  golden: GoldenTensors,
  { bounds, rtol = 0 }: SummaryTolerance,
): Check[] {
  const kept = [...numbers].filter(([key]) => golden.has(`${name}.${key}`));
  const actual = concatenated(kept.map(([, values]) => values));
  const expected = concatenated(kept.map(([key]) => golden.float32(`${name}.${key}`).data));
  return [
    ...boundsChecks(`${name} in part`, actual, expected, bounds, rtol),
    ...digestChecks(name, numbers, golden),
  ];
}

/** Norms to 1e-4 of themselves; sums to 1e-4 of the largest that numbers of that norm can have. */
export function digestChecks(name: string, numbers: Numbers, golden: GoldenTensors): Check[] {
  const sums = golden.get(`${name}.sums`).data as Float64Array;
  const norms = golden.get(`${name}.norms`).data as Float64Array;
  let [ofSums, ofNorms] = [0, 0];
  [...numbers.values()].forEach((values, i) => {
    let [sum, squares] = [0, 0];
    for (const value of values) {
      sum += value;
      squares += value * value;
    }
    const norm = norms[i]! || 1;
    ofNorms = Math.max(ofNorms, Math.abs(Math.sqrt(squares) - norms[i]!) / norm);
    ofSums = Math.max(ofSums, Math.abs(sum - sums[i]!) / (norm * Math.sqrt(values.length)));
  });
  return [
    { quantity: `${name}.norms`, error: ofNorms, tolerance: 1e-4 },
    { quantity: `${name}.sums`, error: ofSums, tolerance: 1e-4 },
  ];
}

export function concatenated(parts: readonly Float32Array[]): Float32Array {
  const all = new Float32Array(parts.reduce((sum, { length }) => sum + length, 0));
  let start = 0;
  for (const part of parts) {
    all.set(part, start);
    start += part.length;
  }
  return all;
}
