/** The work of one sampled gradient, step by step: bringing both sides into shared memory, then the products in chunks. */
import type { Piece, Stage } from './piece.js';
import { KERNEL, type Pool } from './pool.js';

/** Chosen entries whose positions are in shared memory at once. */
const CHUNK = 2 ** 20;
/** Entries of one item: many, so that rows of X that were brought into the cache are used often. */
const MOST = 2 ** 16;
/** Entries whose squares are summed together, as in assembly/dots.ts. */
const SQUARES = 4096;
/** Items for each thread, so that all end at nearly the same time. */
const ITEMS_PER_THREAD = 4;

/** Floats that are summed before a partial sum is stored. */
const BLOCK = 1024;
/** Floats of X in a panel: as many as the first cache holds, or up to the second's where more are needed for … */
const [FIRST_CACHE, SECOND_CACHE] = [6144, 2 ** 17];
/** … so many entries of a row in a panel, that are worth to begin with the row. */
const ENTRIES_OF_ROW = 16;

/**
 * Pauses wherever the other threads have something to do. The pieces divide the reduction; their sums add up in `out`.
 * Returns Σ out².
 */
export function* sampledSteps(
  pool: Pool,
  pieces: readonly Piece[],
  columns: number,
  positions: Int32Array,
  out: Float32Array,
): Generator<void, number> {
  let squares = 0;
  if (positions.length === 0) return squares;
  if (pieces.length === 0) out.fill(0);
  for (const [i, piece] of pieces.entries())
    squares = yield* pieceSteps(pool, piece, columns, positions, out, i > 0);
  return squares;
}

function* pieceSteps(
  pool: Pool,
  piece: Piece,
  columns: number,
  positions: Int32Array,
  out: Float32Array,
  accumulate: boolean,
): Generator<void, number> {
  const { xFloats, xZeros, yStride, outputs, length, fillOffsets, stagedFloats } = piece;
  const chunk = Math.min(CHUNK, positions.length);
  const chunks = Math.ceil(positions.length / CHUNK);
  const [table, x, y, sums, stage0, stage1, positions0, positions1, out0, out1] = pool.allocate(
    4 * columns,
    4 * xFloats,
    4 * yStride * outputs,
    8 * Math.ceil(chunk / SQUARES),
    4 * stagedFloats,
    4 * stagedFloats,
    4 * chunk,
    4 * chunk,
    4 * chunk,
    4 * chunk,
  );
  const range = (k: number) => [k * CHUNK, Math.min(positions.length, (k + 1) * CHUNK)] as const;
  const positionsAt = (k: number) => (k % 2 === 0 ? positions0 : positions1);
  const outAt = (k: number) => (k % 2 === 0 ? out0 : out1);
  const bring = (k: number): void => {
    const [begin, end] = range(k);
    pool.integers(positionsAt(k), end - begin).set(positions.subarray(begin, end));
    if (accumulate) pool.floats(outAt(k), end - begin).set(out.subarray(begin, end));
  };
  const fetch = (k: number): void => {
    const [begin, end] = range(k);
    out.set(pool.floats(outAt(k), end - begin), begin);
  };

  pool.floats(x + 4 * (xFloats - xZeros), xZeros).fill(0);
  stage(pool, piece.stages(x, y), [stage0, stage1], () => {
    fillOffsets(pool.integers(table, columns));
    bring(0);
  });
  const panel = panelOf(piece, columns, positions.length);
  let squares = 0;
  for (let k = 0; k < chunks; k++) {
    const [begin, end] = range(k);
    const count = end - begin;
    const size = itemSize(count, pool.threads);
    pool.open(KERNEL.dots, Math.ceil(count / size), [
      ...[positionsAt(k), count, columns, y, yStride, x, table, length],
      ...[outAt(k), Number(accumulate), BLOCK, panel, size, sums],
    ]);
    yield;
    if (k > 0) fetch(k - 1);
    if (k + 1 < chunks) bring(k + 1);
    pool.join();
    for (const sum of pool.doubles(sums, Math.ceil(count / SQUARES))) squares += sum;
  }
  fetch(chunks - 1);
  return squares;
}

/** Copies into one buffer while the threads rearrange what is in the other; `meanwhile` goes with the last of it. */
function stage(
  pool: Pool,
  stages: readonly Stage[],
  buffers: readonly [number, number],
  meanwhile: () => void,
): void {
  stages.forEach(({ floats, copy, kernel, items, parameters }, i) => {
    const buffer = buffers[i % 2]!;
    copy(pool.floats(buffer, floats));
    if (i > 0) pool.join();
    pool.open(KERNEL[kernel], items, [buffer, ...parameters]);
  });
  meanwhile();
  if (stages.length > 0) pool.join();
}

function itemSize(count: number, threads: number): number {
  const size = Math.min(MOST, Math.ceil(count / (ITEMS_PER_THREAD * threads)));
  return Math.ceil(size / SQUARES) * SQUARES;
}

/** Columns of the weight that are visited before the next row. */
function panelOf({ length, taps, outputs }: Piece, columns: number, count: number): number {
  const holding = (floats: number) => (floats * taps) / Math.max(1, Math.min(BLOCK, length));
  const wanted = (ENTRIES_OF_ROW * outputs * columns) / count;
  return Math.ceil(Math.max(holding(FIRST_CACHE), Math.min(holding(SECOND_CACHE), wanted)));
}
