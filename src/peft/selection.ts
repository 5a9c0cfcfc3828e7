/** Which entries of a network train: chosen by magnitude, as flat positions for each weight. */
import { InputError } from '../errors.js';
import type { Parameters } from '../nn/index.js';

/** Positions with |P₀| < θ, strictly, compared in float32 (paper Eq. 2). Ascending. */
export function positionsBelow(values: Float32Array, threshold: number): Int32Array {
  const bound = Math.fround(threshold);
  let count = 0;
  for (let i = 0; i < values.length; i++) if (Math.abs(values[i]!) < bound) count++;
  const positions = new Int32Array(count);
  let next = 0;
  for (let i = 0; i < values.length; i++) if (Math.abs(values[i]!) < bound) positions[next++] = i;
  return positions;
}

/** The smallest threshold that selects at least `count` of the entries; exact but for ties. */
export function thresholdFor(
  parameters: Parameters,
  count: number,
  chosen: (key: string) => boolean = () => true,
): number {
  const arrays = [...parameters].filter(([key]) => chosen(key)).map(([, { data }]) => data);
  const total = arrays.reduce((sum, { length }) => sum + length, 0);
  if (!(count >= 1 && count <= total)) {
    throw new InputError(
      `cannot train ${count} parameters: expected a number from 1 to ${total}, the size of the selected weights`,
    );
  }
  const magnitudes = new Float32Array(total);
  let start = 0;
  for (const values of arrays) {
    for (let i = 0; i < values.length; i++) magnitudes[start + i] = Math.abs(values[i]!);
    start += values.length;
  }
  magnitudes.sort();
  const last = magnitudes[Math.ceil(count) - 1]!;
  return nextFloat32(last);
}

/** The float32 after a non-negative float32. */
function nextFloat32(value: number): number {
  const bits = new Uint32Array(Float32Array.of(value).buffer);
  bits[0]!++;
  return new Float32Array(bits.buffer)[0]!;
}
