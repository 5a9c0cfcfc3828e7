/** Weight gradients at chosen entries only: a dot product for each, instead of a dense product of which little is used. */
import { convolutionPieces } from './convolution-layout.js';
import { linearPieces } from './linear-layout.js';
import type { Piece, Stage } from './piece.js';
import { KERNEL, Pool } from './pool.js';

/** y [N, O] = x [N, I] · Wᵀ with W [O, I] */
export interface LinearShape {
  /** N, the tokens of the whole batch. */
  rows: number;
  /** O */
  outputs: number;
  /** I */
  inputs: number;
}

/** y [N, O, H', W'] = x [N, C, H, W] * weight [O, C, kh, kw] */
export interface ConvShape {
  batch: number;
  outputs: number;
  channels: number;
  height: number;
  width: number;
  kernel: readonly [number, number];
  stride: number;
  /** Zeros added at the top, left, bottom and right. */
  padding: readonly [number, number, number, number];
  outHeight: number;
  outWidth: number;
}

/** Chosen entries whose positions are in shared memory at once. */
const CHUNK = 2 ** 18;
/** Entries of one item: many, so that rows of X that were brought into the cache are used often. */
const [FEWEST, MOST] = [2 ** 12, 2 ** 16];
/** Items for each thread, so that all end at nearly the same time. */
const ITEMS_PER_THREAD = 4;

/** Floats that are summed before a partial sum is stored. */
const BLOCK = 1024;
/** Floats of X in a panel: as many as the first cache holds, or up to the second's where more are needed for … */
const [FIRST_CACHE, SECOND_CACHE] = [6144, 2 ** 17];
/** … so many entries of a row in a panel, that are worth to begin with the row. */
const ENTRIES_OF_ROW = 16;

/** Computes weight gradients at chosen entries, on threads of its own. Not for two calls at a time. */
export class SampledGradients {
  private constructor(private readonly pool: Pool) {}

  /** With as many threads as there are cores, unless said; their number does not change a bit of the results. */
  static async create({ threads }: { threads?: number | undefined } = {}): Promise<SampledGradients> {
    return new SampledGradients(await Pool.create(threads));
  }

  /** out[k] = dW[o, i] = Σ_n dY[n, o] · X[n, i] for the k-th of ascending flat positions o·inputs + i. */
  linear(
    shape: LinearShape,
    dY: Float32Array,
    x: Float32Array,
    positions: Int32Array,
    out: Float32Array,
  ): void {
    const { rows, outputs, inputs } = shape;
    expectLengths(dY, rows * outputs, x, rows * inputs, positions, outputs * inputs, out);
    this.run(linearPieces(shape, dY, x), inputs, positions, out);
  }

  /**
   * out[k] = dW[o, c, u, v] = Σ_{n,i,j} dY[n, o, i, j] · X[n, c, i·s + u − top, j·s + v − left] for the k-th of ascending
   * flat positions of [O, C, kh, kw].
   */
  convolution(
    shape: ConvShape,
    dY: Float32Array,
    x: Float32Array,
    positions: Int32Array,
    out: Float32Array,
  ): void {
    const { batch, outputs, channels, height, width, kernel, outHeight, outWidth } = shape;
    const columns = channels * kernel[0] * kernel[1];
    expectLengths(
      dY,
      batch * outputs * outHeight * outWidth,
      x,
      batch * channels * height * width,
      positions,
      outputs * columns,
      out,
    );
    this.run(convolutionPieces(shape, dY, x), columns, positions, out);
  }

  /** Ends the threads and frees their memory. */
  dispose(): Promise<void> {
    return this.pool.dispose();
  }

  /** The pieces divide the reduction; their sums add up in `out`. */
  private run(pieces: readonly Piece[], columns: number, positions: Int32Array, out: Float32Array): void {
    if (positions.length === 0) return;
    if (pieces.length === 0) out.fill(0);
    pieces.forEach((piece, i) => {
      this.runPiece(piece, columns, positions, out, i > 0);
    });
  }

  private runPiece(
    piece: Piece,
    columns: number,
    positions: Int32Array,
    out: Float32Array,
    accumulate: boolean,
  ): void {
    const { pool } = this;
    const { xFloats, xZeros, yStride, outputs, length, fillOffsets } = piece;
    const chunk = Math.min(CHUNK, positions.length);
    const [table, x, y, ...buffers] = pool.allocate(
      4 * columns,
      4 * xFloats,
      4 * yStride * outputs,
      ...[4 * piece.stagedFloats, 4 * piece.stagedFloats, 4 * chunk, 4 * chunk, 4 * chunk, 4 * chunk],
    );
    const [stage0, stage1, positions0, positions1, out0, out1] = buffers as number[];
    pool.floats(x + 4 * (xFloats - xZeros), xZeros).fill(0);
    const chunks = Math.ceil(positions.length / CHUNK);
    const range = (k: number) => [k * CHUNK, Math.min(positions.length, (k + 1) * CHUNK)] as const;
    const positionsAt = (k: number) => (k % 2 === 0 ? positions0! : positions1!);
    const outAt = (k: number) => (k % 2 === 0 ? out0! : out1!);
    const bring = (k: number): void => {
      if (k >= chunks) return;
      const [begin, end] = range(k);
      pool.integers(positionsAt(k), end - begin).set(positions.subarray(begin, end));
      if (accumulate) pool.floats(outAt(k), end - begin).set(out.subarray(begin, end));
    };
    const fetch = (k: number): void => {
      if (k < 0) return;
      const [begin, end] = range(k);
      out.set(pool.floats(outAt(k), end - begin), begin);
    };
    this.stage(piece.stages(x, y), [stage0!, stage1!], () => {
      fillOffsets(pool.integers(table, columns));
      bring(0);
    });
    const panel = panelOf(piece, columns, positions.length);
    for (let k = 0; k < chunks; k++) {
      const [begin, end] = range(k);
      const count = end - begin;
      const item = Math.ceil(count / (ITEMS_PER_THREAD * pool.threads));
      const size = Math.min(MOST, Math.max(FEWEST, item));
      pool.open(KERNEL.dots, Math.ceil(count / size), [
        ...[positionsAt(k), count, columns, y, yStride, x, table, length],
        ...[outAt(k), Number(accumulate), BLOCK, panel, size],
      ]);
      fetch(k - 1);
      bring(k + 1);
      pool.join();
    }
    fetch(chunks - 1);
  }

  /** Copies into one buffer while the threads rearrange what is in the other; `meanwhile` goes with the last of it. */
  private stage(stages: readonly Stage[], buffers: readonly [number, number], meanwhile: () => void): void {
    const { pool } = this;
    stages.forEach(({ floats, copy, kernel, items, parameters }, i) => {
      const buffer = buffers[i % 2]!;
      copy(pool.floats(buffer, floats));
      if (i > 0) pool.join();
      pool.open(KERNEL[kernel], items, [buffer, ...parameters]);
    });
    meanwhile();
    if (stages.length > 0) pool.join();
  }
}

/** Columns of the weight that are visited before the next row. */
function panelOf({ length, taps, outputs }: Piece, columns: number, count: number): number {
  const holding = (floats: number) => (floats * taps) / Math.max(1, Math.min(BLOCK, length));
  const wanted = (ENTRIES_OF_ROW * outputs * columns) / count;
  return Math.ceil(Math.max(holding(FIRST_CACHE), Math.min(holding(SECOND_CACHE), wanted)));
}

function expectLengths(
  dY: Float32Array,
  dYLength: number,
  x: Float32Array,
  xLength: number,
  positions: Int32Array,
  weights: number,
  out: Float32Array,
): void {
  if (dY.length !== dYLength || x.length !== xLength)
    throw new RangeError(
      `sampled gradient: dY and x have ${dY.length} and ${x.length} values; their shapes say ${dYLength} and ${xLength}`,
    );
  if (out.length !== positions.length)
    throw new RangeError(`sampled gradient: ${positions.length} positions, but room for ${out.length}`);
  if (positions.length > 0 && (positions[0]! < 0 || positions.at(-1)! >= weights))
    throw new RangeError(`sampled gradient: positions go beyond the ${weights} entries of the weight`);
}
