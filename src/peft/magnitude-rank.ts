/** The n-th smallest of very many magnitudes, found by counting instead of sorting. */

/** Arrays that are given anew at each call, so that they need not be in memory all at once. */
export type Arrays = () => Iterable<Float32Array>;

/** Magnitudes are counted by the upper 15 bits of a float32 without its sign, then by the lower 16. */
const LOW_BITS = 16;

/**
 * The bits of the `n`-th smallest |value|, counted from 1. Magnitudes of float32 sort like the whole numbers that their
 * bits are, so two counts over those find it without a copy.
 */
export function nthMagnitudeBits(arrays: Arrays, n: number): number {
  const high = new Float64Array(2 ** 15);
  for (const bits of bitsOf(arrays))
    for (let i = 0; i < bits.length; i++) high[(bits[i]! & 0x7fffffff) >>> LOW_BITS]!++;
  const bucket = bucketOf(high, n);

  const low = new Float64Array(2 ** LOW_BITS);
  for (const bits of bitsOf(arrays)) {
    for (let i = 0; i < bits.length; i++) {
      const magnitude = bits[i]! & 0x7fffffff;
      if (magnitude >>> LOW_BITS === bucket.index) low[magnitude & 0xffff]!++;
    }
  }
  return bucket.index * 2 ** LOW_BITS + bucketOf(low, n - bucket.before).index;
}

function* bitsOf(arrays: Arrays): Generator<Uint32Array> {
  for (const { buffer, byteOffset, length } of arrays()) yield new Uint32Array(buffer, byteOffset, length);
}

/** The bucket in which the `n`-th entry lies, and how many lie before it. */
function bucketOf(counts: Float64Array, n: number): { index: number; before: number } {
  let before = 0;
  let index = 0;
  while (before + counts[index]! < n) before += counts[index++]!;
  return { index, before };
}
