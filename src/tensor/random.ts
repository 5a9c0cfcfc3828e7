/**
 * The portable random generator: Philox4x32-10 (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC 2011).
 *
 * Every stream is named by a seed, a purpose and indices such as the step, never by what was drawn before,
 * so a resumed run draws what an uninterrupted one draws. The same arguments give the same numbers on every machine.
 */

const M0 = 0xd2511f53;
const M1 = 0xcd9e8d57;
const W0 = 0x9e3779b9;
const W1 = 0xbb67ae85;

/** High 32 bits of the 64-bit product of two unsigned 32-bit integers. */
function mulHigh(a: number, b: number): number {
  const aLow = a & 0xffff;
  const aHigh = a >>> 16;
  const bLow = b & 0xffff;
  const bHigh = b >>> 16;
  const cross = aHigh * bLow + ((aLow * bLow) >>> 16);
  const cross2 = aLow * bHigh + (cross & 0xffff);
  return (aHigh * bHigh + Math.floor(cross / 65536) + Math.floor(cross2 / 65536)) >>> 0;
}

/** Philox4x32-10: four 32-bit words from a four-word counter and a two-word key. */
export function philox4x32(
  counter: readonly [number, number, number, number],
  key: readonly [number, number],
): [number, number, number, number] {
  let [c0, c1, c2, c3] = counter;
  let [k0, k1] = key;
  for (let round = 0; round < 10; round++) {
    const high0 = mulHigh(M0, c0);
    const low0 = Math.imul(M0, c0) >>> 0;
    const high1 = mulHigh(M1, c2);
    const low1 = Math.imul(M1, c2) >>> 0;
    c0 = (high1 ^ c1 ^ k0) >>> 0;
    c1 = low1;
    c2 = (high0 ^ c3 ^ k1) >>> 0;
    c3 = low0;
    k0 = (k0 + W0) >>> 0;
    k1 = (k1 + W1) >>> 0;
  }
  return [c0, c1, c2, c3];
}

/** FNV-1a over a string's UTF-16 units and integer indices: which stream of a seed is meant. */
function hashStream(stream: string, indices: readonly number[]): [number, number] {
  let a = 0x811c9dc5;
  let b = 0x9dc5811c;
  const mix = (word: number) => {
    a = Math.imul(a ^ word, 0x01000193) >>> 0;
    b = Math.imul(b ^ word ^ (a >>> 15), 0x85ebca6b) >>> 0;
  };
  for (let i = 0; i < stream.length; i++) mix(stream.charCodeAt(i));
  for (const index of indices) {
    mix(index >>> 0);
    mix(Math.floor(index / 2 ** 32) >>> 0);
  }
  return [a, b];
}

/** One stream of random numbers, named by a seed, a purpose and indices. */
export class Random {
  private block = 0;
  private words: readonly number[] = [];
  /** Of the next word in the block. */
  private index = 0;
  private readonly stream: [number, number];
  private readonly key: [number, number];

  constructor(seed: number, stream: string, ...indices: number[]) {
    this.stream = hashStream(stream, indices);
    this.key = [seed >>> 0, Math.floor(seed / 2 ** 32) >>> 0];
  }

  /** The next 32 random bits, as an unsigned integer. */
  word(): number {
    if (this.index === this.words.length) {
      this.words = philox4x32([this.block >>> 0, Math.floor(this.block / 2 ** 32), ...this.stream], this.key);
      this.block++;
      this.index = 0;
    }
    return this.words[this.index++]!;
  }

  /** Uniform in [0, 1) with 24 random bits, so that every value is exact in float32. */
  next(): number {
    return (this.word() >>> 8) / 2 ** 24;
  }

  /** `n` values uniform in [0, 1). */
  uniform(n: number): Float32Array {
    const out = new Float32Array(n);
    for (let i = 0; i < n; i++) out[i] = this.next();
    return out;
  }

  /** `n` values, each 1 with the given probability (to 2⁻¹⁶) and else 0. */
  coins(n: number, probability: number): Float32Array {
    const out = new Float32Array(n);
    const bound = Math.round(probability * 2 ** 16);
    for (let i = 0; i < n; i += 2) {
      const word = this.word();
      out[i] = Number(word >>> 16 < bound);
      if (i + 1 < n) out[i + 1] = Number((word & 0xffff) < bound);
    }
    return out;
  }

  /** `n` independent standard normal values (Box–Muller). */
  normal(n: number): Float32Array {
    const out = new Float32Array(n);
    for (let i = 0; i < n; i += 2) {
      const radius = Math.sqrt(-2 * Math.log(1 - this.next()));
      const angle = 2 * Math.PI * this.next();
      out[i] = radius * Math.cos(angle);
      if (i + 1 < n) out[i + 1] = radius * Math.sin(angle);
    }
    return out;
  }

  /** An integer uniform in [low, high). */
  integer(low: number, high: number): number {
    const range = high - low;
    const limit = 2 ** 32 - (2 ** 32 % range);
    let word = this.word();
    while (word >= limit) word = this.word();
    return low + (word % range);
  }

  /** `n` integers uniform in [low, high). */
  integers(n: number, low: number, high: number): Int32Array {
    return Int32Array.from({ length: n }, () => this.integer(low, high));
  }

  /** The numbers 0 … n−1 in random order (Fisher–Yates). */
  permutation(n: number): Int32Array {
    const out = Int32Array.from({ length: n }, (_, i) => i);
    for (let i = n - 1; i > 0; i--) {
      const j = this.integer(0, i + 1);
      [out[i], out[j]] = [out[j]!, out[i]!];
    }
    return out;
  }
}
