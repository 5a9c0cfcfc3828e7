/** Entries of a network's weights chosen by magnitude, as flat positions for each weight. */
import { InputError } from '../errors.js';
import { asFloat32, type Parameters } from '../nn/index.js';
import { nthMagnitudeBits } from './magnitude-rank.js';

/** Weights are searched in blocks of this many entries, so that a place in a block takes two bytes. */
export const BLOCK = 2 ** 16;

/** Positions with |P₀| < θ, strictly, compared in float32 (paper Eq. 2). Ascending. */
export function positionsBelow(values: Float32Array, threshold: number): Int32Array {
  const found: Int32Array[] = [];
  forEachBlockBelow(values, threshold, (start, places) => {
    const positions = new Int32Array(places.length);
    for (let i = 0; i < positions.length; i++) positions[i] = start + places[i]!;
    found.push(positions);
  });
  return concatenated(found);
}

/** Visits each block with the places in it, ascending, of entries below the threshold; they are valid during the visit. */
export function forEachBlockBelow(
  values: Float32Array,
  threshold: number,
  visit: (start: number, places: Uint16Array) => void,
): void {
  // Magnitudes of float32 sort like the whole numbers that their bits are; those of NaN are above all others.
  const bits = new Int32Array(values.buffer, values.byteOffset, values.length);
  const bound = threshold > 0 ? float32Bits(threshold) : 0;
  const places = new Uint16Array(Math.min(BLOCK, values.length));
  for (let start = 0; start < values.length; start += BLOCK) {
    const end = Math.min(start + BLOCK, values.length);
    let count = 0;
    for (let i = start; i < end; i++) {
      places[count] = i - start;
      // 1 where the difference is negative: a branch would be mispredicted at every other entry that is found.
      count = (count + (((bits[i]! & 0x7fffffff) - bound) >>> 31)) | 0;
    }
    visit(start, places.subarray(0, count));
  }
}

function concatenated(parts: readonly Int32Array[]): Int32Array {
  const all = new Int32Array(parts.reduce((sum, { length }) => sum + length, 0));
  let next = 0;
  for (const part of parts) {
    all.set(part, next);
    next += part.length;
  }
  return all;
}

/** Positions of the ones among zeros and ones. Ascending. */
export function positionsOfOnes(mask: Uint8Array): Int32Array {
  let count = 0;
  for (let i = 0; i < mask.length; i++) count += mask[i]!;
  const positions = new Int32Array(count);
  let next = 0;
  for (let i = 0; i < mask.length; i++) if (mask[i] === 1) positions[next++] = i;
  return positions;
}

export function samePositions(a: Int32Array, b: Int32Array): boolean {
  return a.length === b.length && a.every((position, i) => position === b[i]);
}

/** The entries at the given positions. */
export function gather(values: Float32Array, positions: Int32Array): Float32Array {
  const out = new Float32Array(positions.length);
  for (let i = 0; i < out.length; i++) out[i] = values[positions[i]!]!;
  return out;
}

/** Writes values at the given positions. */
export function scatter(into: Float32Array, positions: Int32Array, values: Float32Array): void {
  for (let i = 0; i < positions.length; i++) into[positions[i]!] = values[i]!;
}

/** Where each of `part` is in `whole`, both ascending; undefined where one of them is not there. */
export function placesAmong(whole: Int32Array, part: Int32Array): Int32Array | undefined {
  const places = new Int32Array(part.length);
  let found = 0;
  for (let i = 0; i < whole.length && found < part.length; i++)
    if (whole[i] === part[found]) places[found++] = i;
  return found === part.length ? places : undefined;
}

/** The smallest threshold that selects at least `count` of the entries; exact but for ties. */
export function thresholdFor(
  parameters: Parameters,
  count: number,
  chosen: (key: string) => boolean = () => true,
): number {
  const weights = [...parameters].filter(([key]) => chosen(key)).map(([, weight]) => weight);
  expectTrainable(
    count,
    weights.reduce((sum, { data }) => sum + data.length, 0),
  );
  const values = () => mapped(weights, (weight) => asFloat32(weight).data);
  return float32OfBits(nthMagnitudeBits(values, count) + 1);
}

/** Numbers by checkpoint key, given anew at each call, so that they need not be in memory all at once. */
export type Scores = () => Iterable<readonly [key: string, scores: Float32Array]>;

/**
 * Where the `count` largest |scores| of all weights together are: ascending positions by key. Entries tied with the last
 * of them are taken too, entries with a score of zero never.
 */
export function positionsOfLargest(scores: Scores, count: number): Map<string, Int32Array> {
  let total = 0;
  for (const [, { length }] of scores()) total += length;
  expectTrainable(count, total);
  const least = nthMagnitudeBits(() => mapped(scores(), ([, values]) => values), total - count + 1);
  const found = new Map<string, Int32Array>();
  for (const [key, values] of scores()) found.set(key, positionsFrom(values, Math.max(1, least)));
  return found;
}

/** Positions of magnitudes whose bits are at least those given. Ascending. */
function positionsFrom({ buffer, byteOffset, length }: Float32Array, least: number): Int32Array {
  const bits = new Uint32Array(buffer, byteOffset, length);
  let count = 0;
  for (let i = 0; i < length; i++) count += Number((bits[i]! & 0x7fffffff) >= least);
  const positions = new Int32Array(count);
  let next = 0;
  for (let i = 0; i < length; i++) if ((bits[i]! & 0x7fffffff) >= least) positions[next++] = i;
  return positions;
}

/** Throws InputError unless so many entries can be chosen among `total`. */
export function expectTrainable(count: number, total: number): void {
  if (count >= 1 && count <= total) return;
  throw new InputError(
    `cannot train ${count} parameters: expected a number from 1 to ${total}, the size of the selected weights`,
  );
}

function* mapped<T, Result>(all: Iterable<T>, of: (one: T) => Result): Generator<Result> {
  for (const one of all) yield of(one);
}

const float32Bits = (value: number): number => new Int32Array(Float32Array.of(value).buffer)[0]!;
const float32OfBits = (bits: number): number => new Float32Array(Uint32Array.of(bits).buffer)[0]!;
