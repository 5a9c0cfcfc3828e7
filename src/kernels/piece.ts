/** A part of a reduction that fits the shared memory, and how its two sides get there. */
import type { KERNEL } from './pool.js';

/** Floats of both sides of a piece together, so that the shared memory stays below 256 MB. */
export const MOST_FLOATS = 2 ** 25;
/** Floats that are copied before the threads rearrange them. */
export const STAGED_FLOATS = 2 ** 18;

/** One copy into shared memory and the job that puts it into its place. */
export interface Stage {
  readonly floats: number;
  copy(to: Float32Array): void;
  readonly kernel: keyof typeof KERNEL;
  readonly items: number;
  /** Those of the kernel after the first, which is the address of the copy. */
  readonly parameters: readonly number[];
}

/** Sums of `length` products of a row of Y [outputs, yStride] and of consecutive floats of X. */
export interface Piece {
  readonly xFloats: number;
  readonly yStride: number;
  readonly outputs: number;
  readonly length: number;
  /** Most floats of a stage. */
  readonly stagedFloats: number;
  /** Floats at the end of X that are zeros. */
  readonly xZeros: number;
  /** Columns of the weight whose products lie in the same floats of X: the taps of a channel. */
  readonly taps: number;
  /** Stores where in X the products of each column of the weight begin, in bytes. */
  fillOffsets(table: Int32Array): void;
  /** The copies that fill X and Y at these byte addresses. */
  stages(x: number, y: number): Stage[];
}

/** `size` rounded up to a multiple of 4, the floats of a vector. */
export function wholeVectors(size: number): number {
  return Math.ceil(size / 4) * 4;
}

/** 0 … count in steps: [0, step), [step, 2·step), …, the last as long as it comes. */
export function* ranges(count: number, step: number): Generator<readonly [begin: number, end: number]> {
  for (let begin = 0; begin < count; begin += step) yield [begin, Math.min(count, begin + step)];
}
