/** Which entries of each weight a golden case trains, and how far other selections agree with that. */
import type { TrainedEntries } from '../src/peft/trained-tensor.js';
import type { GoldenTensors } from './case.js';
import { type Check, mismatches } from './check.js';

/** Ascending flat positions by checkpoint key. */
export type Mask = ReadonlyMap<string, Int32Array>;

/** A case's `<name>.counts` and `<name>.indices`, which follow the order of the keys. */
export function readMask(golden: GoldenTensors, name: string, keys: readonly string[]): Mask {
  const indices = golden.int32(`${name}.indices`).data as Int32Array;
  let start = 0;
  return new Map(
    Array.from(golden.int32(`${name}.counts`).data as Int32Array, (count, i) => {
      const positions = indices.slice(start, start + count);
      start += count;
      return [keys[i]!, positions] as const;
    }),
  );
}

export function maskOf(tensors: readonly TrainedEntries[]): Mask {
  return new Map(tensors.map(({ key, selected }) => [key, selected!]));
}

/** Both are the same. */
export function sameMask(quantity: string, actual: Mask, expected: Mask): Check {
  const differing = [...expected].map(([key, positions]) =>
    mismatches(actual.get(key) ?? new Int32Array(0), positions),
  );
  return { quantity, error: differing.reduce((sum, count) => sum + count, 0), tolerance: 0 };
}

/** The share of the expected entries that is missing. */
export function overlappingMask(quantity: string, actual: Mask, expected: Mask, least: number): Check {
  let [shared, total] = [0, 0];
  for (const [key, positions] of expected) {
    const found = new Set(actual.get(key));
    total += positions.length;
    for (const at of positions) shared += Number(found.has(at));
  }
  return { quantity: `${quantity}, missing`, error: 1 - shared / total, tolerance: 1 - least };
}
