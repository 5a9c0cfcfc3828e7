/** Chosen entries of a matrix product Y · Xᵀ: a dot product of a row of Y and a row of X for each. */
import { parameter } from './threads';

/** Rows that are visited together: what is kept of them fills a thread's scratch memory. */
const MOST_ROWS: i32 = 4096;

/**
 * Item `k`: entries k·size … of the chosen ones. An entry at flat position r·columns + c is the dot product of row r of Y
 * (at `y + r·yStride`) and of what begins `table[c]` bytes into X. Long rows are summed in pieces of `block` floats, and
 * columns are visited in panels of `panel`, so that the rows of X of a panel stay in the cache while rows of Y pass by.
 * The order in which one entry's products are summed depends on `block` alone.
 */
export function dots(item: i32, scratch: usize): void {
  const positions: usize = parameter(0);
  const count = parameter(1);
  const size = parameter(12);
  const end: usize = positions + 4 * min(count, size * (item + 1));
  let begin: usize = positions + 4 * size * item;
  while (begin < end) begin = rowsOfDots(begin, end, scratch);
  for (let first = size * item; first < min(count, size * (item + 1)); first += SQUARES) sumSquares(first);
}

/** Entries whose squares are summed together; items are a multiple of it, so that sums do not depend on their size. */
const SQUARES: i32 = 4096;

/** The sum of the squares of entries `first` …, in float64, which goes to its place among those of the job. */
function sumSquares(first: i32): void {
  let at: usize = <usize>parameter(8) + 4 * first;
  const end: usize = at + 4 * min(SQUARES, parameter(1) - first);
  let even = f64x2.splat(0);
  let odd = even;
  for (; at + 16 <= end; at += 16) {
    const a = f64x2.promote_low_f32x4(v128.load64_zero(at));
    const b = f64x2.promote_low_f32x4(v128.load64_zero(at, 8));
    even = f64x2.add(even, f64x2.mul(a, a));
    odd = f64x2.add(odd, f64x2.mul(b, b));
  }
  even = f64x2.add(even, odd);
  let sum = f64x2.extract_lane(even, 0) + f64x2.extract_lane(even, 1);
  for (; at < end; at += 4) sum += <f64>load<f32>(at) * <f64>load<f32>(at);
  store<f64>(<usize>parameter(13) + 8 * (first / SQUARES), sum);
}

/** The entries of as many rows as are visited together; where the next begin. */
function rowsOfDots(begin: usize, end: usize, scratch: usize): usize {
  const columns = parameter(2);
  const y: usize = parameter(3);
  const yStride = parameter(4);
  const x: usize = parameter(5);
  const table: usize = parameter(6);
  const length = parameter(7);
  const toOut: usize = parameter(8) - parameter(0);
  const accumulate = parameter(9);
  const block = parameter(10);
  const panel = parameter(11);

  const rows = splitRows(begin, end, columns, scratch);
  for (let start = 0; start < length; start += block) {
    const vectors = (min(block, length - start) + 3) >> 2;
    const add = start > 0 || accumulate !== 0;
    restart(rows, scratch);
    for (let column = 0; column < columns; column += panel) {
      const limit = min(columns, column + panel);
      for (let i = 0; i < rows; i++) {
        const record: usize = scratch + RECORD * i;
        const at: usize = load<u32>(record, CURSOR);
        const rowEnd: usize = load<u32>(record, END);
        if (at === rowEnd) continue;
        const row = load<i32>(record, ROW);
        const base = row * columns;
        const next = rowDots(
          y + 4 * (row * yStride + start),
          x + 4 * start,
          table - 4 * base,
          vectors,
          at,
          base + limit,
          rowEnd,
          toOut,
          add,
        );
        store<u32>(record, <u32>next, CURSOR);
      }
    }
  }
  return load<u32>(scratch + RECORD * (rows - 1), END);
}

/** What is kept of each row of an item: its number, where its positions begin and end, and how far they were visited. */
const RECORD: usize = 16;
const ROW: usize = 0;
const BEGIN: usize = 4;
const END: usize = 8;
const CURSOR: usize = 12;

/** Writes a record for each of the first rows that have positions between `begin` and `end`; their number. */
function splitRows(begin: usize, end: usize, columns: i32, scratch: usize): i32 {
  let rows = 0;
  let at = begin;
  while (at < end && rows < MOST_ROWS) {
    const row = load<i32>(at) / columns;
    const next = firstNotBelow(at, end, (row + 1) * columns);
    const record: usize = scratch + RECORD * rows;
    store<i32>(record, row, ROW);
    store<u32>(record, <u32>at, BEGIN);
    store<u32>(record, <u32>next, END);
    rows++;
    at = next;
  }
  return rows;
}

function restart(rows: i32, scratch: usize): void {
  for (let i = 0; i < rows; i++) {
    const record: usize = scratch + RECORD * i;
    store<u32>(record, load<u32>(record, BEGIN), CURSOR);
  }
}

/** Where ascending positions reach `limit`. */
function firstNotBelow(begin: usize, end: usize, limit: i32): usize {
  let low = begin >> 2;
  let high = end >> 2;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (load<i32>(middle << 2) < limit) low = middle + 1;
    else high = middle;
  }
  return low << 2;
}

/**
 * Entries of one row, four at a time, until one is at `limit` or beyond; where the next begins. The last of a row are
 * joined by copies of the last, so that every entry is summed in the same order.
 */
function rowDots(
  y: usize,
  x: usize,
  table: usize,
  vectors: i32,
  at: usize,
  limit: i32,
  end: usize,
  toOut: usize,
  add: bool,
): usize {
  while (at < end && load<i32>(at) < limit) {
    const last = end - 4;
    let x0 = x + offset(table, at);
    let x1 = x + offset(table, min(last, at + 4));
    let x2 = x + offset(table, min(last, at + 8));
    let x3 = x + offset(table, min(last, at + 12));
    let a0 = f32x4.splat(0);
    let a1 = a0;
    let a2 = a0;
    let a3 = a0;
    let left = vectors;
    let yAt = y;
    for (; left >= 4; left -= 4) {
      const u0 = v128.load(yAt);
      a0 = f32x4.add(a0, f32x4.mul(u0, v128.load(x0)));
      a1 = f32x4.add(a1, f32x4.mul(u0, v128.load(x1)));
      a2 = f32x4.add(a2, f32x4.mul(u0, v128.load(x2)));
      a3 = f32x4.add(a3, f32x4.mul(u0, v128.load(x3)));
      const u1 = v128.load(yAt, 16);
      a0 = f32x4.add(a0, f32x4.mul(u1, v128.load(x0, 16)));
      a1 = f32x4.add(a1, f32x4.mul(u1, v128.load(x1, 16)));
      a2 = f32x4.add(a2, f32x4.mul(u1, v128.load(x2, 16)));
      a3 = f32x4.add(a3, f32x4.mul(u1, v128.load(x3, 16)));
      const u2 = v128.load(yAt, 32);
      a0 = f32x4.add(a0, f32x4.mul(u2, v128.load(x0, 32)));
      a1 = f32x4.add(a1, f32x4.mul(u2, v128.load(x1, 32)));
      a2 = f32x4.add(a2, f32x4.mul(u2, v128.load(x2, 32)));
      a3 = f32x4.add(a3, f32x4.mul(u2, v128.load(x3, 32)));
      const u3 = v128.load(yAt, 48);
      a0 = f32x4.add(a0, f32x4.mul(u3, v128.load(x0, 48)));
      a1 = f32x4.add(a1, f32x4.mul(u3, v128.load(x1, 48)));
      a2 = f32x4.add(a2, f32x4.mul(u3, v128.load(x2, 48)));
      a3 = f32x4.add(a3, f32x4.mul(u3, v128.load(x3, 48)));
      yAt += 64;
      x0 += 64;
      x1 += 64;
      x2 += 64;
      x3 += 64;
    }
    for (; left > 0; left--) {
      const u = v128.load(yAt);
      a0 = f32x4.add(a0, f32x4.mul(u, v128.load(x0)));
      a1 = f32x4.add(a1, f32x4.mul(u, v128.load(x1)));
      a2 = f32x4.add(a2, f32x4.mul(u, v128.load(x2)));
      a3 = f32x4.add(a3, f32x4.mul(u, v128.load(x3)));
      yAt += 16;
      x0 += 16;
      x1 += 16;
      x2 += 16;
      x3 += 16;
    }
    let sums = sums4(a0, a1, a2, a3);
    const out = at + toOut;
    at += 16;
    if (at > end) {
      storeSome(out, sums, <i32>(end + 16 - at) >> 2, add);
      return end;
    }
    if (add) sums = f32x4.add(v128.load(out), sums);
    v128.store(out, sums);
  }
  return at;
}

/** What begins where the position at this address says. */
function offset(table: usize, at: usize): usize {
  return <usize>load<u32>(table + ((<usize>load<u32>(at)) << 2));
}

/** The first one, two or three. */
function storeSome(out: usize, sums: v128, count: i32, add: bool): void {
  const sum0 = f32x4.extract_lane(sums, 0);
  store<f32>(out, add ? load<f32>(out) + sum0 : sum0);
  if (count < 2) return;
  const sum1 = f32x4.extract_lane(sums, 1);
  store<f32>(out, add ? load<f32>(out, 4) + sum1 : sum1, 4);
  if (count < 3) return;
  const sum2 = f32x4.extract_lane(sums, 2);
  store<f32>(out, add ? load<f32>(out, 8) + sum2 : sum2, 8);
}

/** The sum of the lanes of each of four vectors. */
function sums4(a: v128, b: v128, c: v128, d: v128): v128 {
  const ab = f32x4.add(v128.shuffle<f32>(a, b, 0, 4, 1, 5), v128.shuffle<f32>(a, b, 2, 6, 3, 7));
  const cd = f32x4.add(v128.shuffle<f32>(c, d, 0, 4, 1, 5), v128.shuffle<f32>(c, d, 2, 6, 3, 7));
  return f32x4.add(v128.shuffle<f32>(ab, cd, 0, 1, 4, 5), v128.shuffle<f32>(ab, cd, 2, 3, 6, 7));
}
