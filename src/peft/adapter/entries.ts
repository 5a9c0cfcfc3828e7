/** Entries of a weight that adapters change: where they are, and what stood there before. */
import { halfToFloat32 } from '../../tensor/index.js';
import { BLOCK, forEachBlockBelow } from '../selection.js';
import { expectCount, type StoredDelta } from './deltas.js';
import { decodePositions } from './positions.js';

/** Writes block by block, so that several changes of one block find it in the cache. */
export class Entries {
  private constructor(
    private readonly weights: Float32Array,
    private readonly base: Float32Array,
    /** The place of each entry in its block; all entries where undefined. */
    private readonly places: Uint16Array | undefined,
    /** Of each block, how many entries come before it; of the end, all. */
    private readonly starts: Int32Array,
  ) {}

  /** Those that a change concerns. Its weight has base values now. Throws InputError where the change does not fit it. */
  static of(weights: Float32Array, { changes, entries }: StoredDelta): Entries {
    const count = changes.length;
    if (entries === 'all') {
      const starts = Int32Array.from({ length: blocksOf(weights) + 1 }, (_, i) => Math.min(i * BLOCK, count));
      return new Entries(weights, weights.slice(), undefined, starts);
    }
    return 'listed' in entries
      ? Entries.at(weights, decodePositions(entries.listed, count, weights.length))
      : Entries.below(weights, entries.below, count);
  }

  private static at(weights: Float32Array, positions: Int32Array): Entries {
    const places = new Uint16Array(positions.length);
    const base = new Float32Array(positions.length);
    const starts = new Int32Array(blocksOf(weights) + 1);
    for (let i = 0; i < positions.length; i++) {
      const position = positions[i]!;
      const block = Math.floor(position / BLOCK);
      starts[block + 1]!++;
      places[i] = position - block * BLOCK;
      base[i] = weights[position]!;
    }
    for (let block = 1; block < starts.length; block++) starts[block]! += starts[block - 1]!;
    return new Entries(weights, base, places, starts);
  }

  private static below(weights: Float32Array, threshold: number, count: number): Entries {
    const places = new Uint16Array(count);
    const base = new Float32Array(count);
    const starts = new Int32Array(blocksOf(weights) + 1);
    let next = 0;
    forEachBlockBelow(weights, threshold, (start, found) => {
      if (next + found.length <= count) {
        places.set(found, next);
        for (let i = 0; i < found.length; i++) base[next + i] = weights[start + found[i]!]!;
      }
      next += found.length;
      starts[start / BLOCK + 1] = next;
    });
    expectCount(count, next, threshold);
    return new Entries(weights, base, places, starts);
  }

  get blocks(): number {
    return this.starts.length - 1;
  }

  /** Puts the base values of a block back. */
  restore(block: number): void {
    const { weights, base, places } = this;
    const [from, to, start] = this.rangeOf(block);
    if (!places) weights.set(base.subarray(from, to), start);
    else for (let i = from; i < to; i++) weights[start + places[i]!] = base[i]!;
  }

  /** w ← w₀ + change, of a block. */
  set(block: number, change: ScaledChange): void {
    const { weights, base, places } = this;
    const [from, to, start] = this.rangeOf(block);
    if (places && change.products) {
      const { changes, products } = change;
      for (let i = from; i < to; i++) weights[start + places[i]!] = base[i]! + products[changes[i]!]!;
      return;
    }
    const added = addedBy(change, from, to);
    if (!places) for (let i = from; i < to; i++) weights[i] = base[i]! + added[i - from]!;
    else for (let i = from; i < to; i++) weights[start + places[i]!] = base[i]! + added[i - from]!;
  }

  /** w ← w + change, of a block. */
  add(block: number, change: ScaledChange): void {
    const { weights, places } = this;
    const [from, to, start] = this.rangeOf(block);
    const added = addedBy(change, from, to);
    if (!places) for (let i = from; i < to; i++) weights[i]! += added[i - from]!;
    else for (let i = from; i < to; i++) weights[start + places[i]!]! += added[i - from]!;
  }

  /** The block's entries from and to, and the position at which it starts. */
  private rangeOf(block: number): [from: number, to: number, start: number] {
    return [this.starts[block]!, this.starts[block + 1]!, block * BLOCK];
  }
}

function blocksOf({ length }: Float32Array): number {
  return Math.ceil(length / BLOCK);
}

/** The changes of a weight, times α: α, Δ and their product are rounded to float32. */
export type ScaledChange =
  | { readonly changes: Uint16Array; readonly products: Float32Array }
  | {
      readonly changes: Float32Array;
      readonly products?: undefined;
      readonly factor: number;
      readonly alpha: number;
    };

const scratch = new Float32Array(BLOCK);

/** αΔ of some entries; valid until the next call. */
function addedBy(change: ScaledChange, from: number, to: number): Float32Array {
  const { changes, products } = change;
  if (products) {
    for (let i = from; i < to; i++) scratch[i - from] = products[changes[i]!]!;
    return scratch;
  }
  const { factor } = change;
  const alpha = Math.fround(change.alpha);
  for (let i = from; i < to; i++) scratch[i - from] = alpha * Math.fround(factor * changes[i]!);
  return scratch;
}

/** The value of every float16 bit pattern. */
const halfValues = halfToFloat32(new Uint16Array(2 ** 16).map((_, bits) => bits));

/** αΔ of every float16 bit pattern. */
export function halfProducts(factor: number, alpha: number): Float32Array {
  const products = new Float32Array(halfValues.length);
  const rounded = Math.fround(alpha);
  for (let i = 0; i < products.length; i++) products[i] = rounded * Math.fround(factor * halfValues[i]!);
  return products;
}
