/** Chosen entries of a matrix product Y · Xᵀ: a dot product of a row of Y and a row of X for each. */
import { parameter } from './threads';

/** Entries of one item. */
const ENTRIES: i32 = 4096;

/**
 * Item `k`: entries 4096k … of the chosen ones. An entry at flat position r·columns + c is the dot product of row r of Y
 * (at `y + r·yStride`) and of what begins `table[c]` floats into X. Long rows are summed in pieces of `block` floats, and
 * columns are visited in panels of `panel`, so that the rows of X of a panel stay in the cache while rows of Y pass by.
 * The order in which one entry's products are summed depends on `block` alone.
 */
export function dots(item: i32, scratch: usize): void {
  const positions: usize = parameter(0);
  const count = parameter(1);
  const columns = parameter(2);
  const y: usize = parameter(3);
  const yStride = parameter(4);
  const x: usize = parameter(5);
  const table: usize = parameter(6);
  const length = parameter(7);
  const out: usize = parameter(8);
  const accumulate = parameter(9);
  const block = parameter(10);
  const panel = parameter(11);

  const begin: usize = positions + 4 * ENTRIES * item;
  const end: usize = positions + 4 * min(count, ENTRIES * (item + 1));
  const toOut: usize = out - positions;
  const rows = splitRows(begin, end, columns, scratch);

  for (let start = 0; start < length; start += block) {
    const vectors = (min(block, length - start) + 3) >> 2;
    const add = start > 0 || accumulate !== 0;
    restart(rows, scratch);
    for (let column = 0; column < columns; column += panel) {
      const limit = min(columns, column + panel);
      for (let i = 0; i < rows; i++) {
        const record: usize = scratch + RECORD * i;
        let at: usize = load<u32>(record, CURSOR);
        const rowEnd: usize = load<u32>(record, END);
        if (at === rowEnd) continue;
        const row = load<i32>(record, ROW);
        const base = row * columns;
        const rowTable: usize = table - 4 * base;
        const yRow: usize = y + 4 * (row * yStride + start);
        const xBlock: usize = x + 4 * start;
        const last = base + limit;
        while (at + 16 <= rowEnd && load<i32>(at, 12) < last) {
          dot4(
            yRow,
            xBlock + offset(rowTable, load<i32>(at)),
            xBlock + offset(rowTable, load<i32>(at, 4)),
            xBlock + offset(rowTable, load<i32>(at, 8)),
            xBlock + offset(rowTable, load<i32>(at, 12)),
            vectors,
            at + toOut,
            add,
          );
          at += 16;
        }
        while (at < rowEnd && load<i32>(at) < last) {
          dot1(yRow, xBlock + offset(rowTable, load<i32>(at)), vectors, at + toOut, add);
          at += 4;
        }
        store<u32>(record, <u32>at, CURSOR);
      }
    }
  }
}

/** What is kept of each row of an item: its number, where its positions begin and end, and how far they were visited. */
const RECORD: usize = 16;
const ROW: usize = 0;
const BEGIN: usize = 4;
const END: usize = 8;
const CURSOR: usize = 12;

/** Writes a record for each row that has positions between `begin` and `end`; their number. */
function splitRows(begin: usize, end: usize, columns: i32, scratch: usize): i32 {
  let rows = 0;
  let at = begin;
  while (at < end) {
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

function offset(table: usize, position: i32): usize {
  return <usize>load<u32>(table + ((<usize>position) << 2));
}

/** Four entries of one row; even and odd vectors are summed apart. */
function dot4(
  y: usize,
  x0: usize,
  x1: usize,
  x2: usize,
  x3: usize,
  vectors: i32,
  out: usize,
  add: bool,
): void {
  let a0 = f32x4.splat(0);
  let a1 = a0;
  let a2 = a0;
  let a3 = a0;
  let b0 = a0;
  let b1 = a0;
  let b2 = a0;
  let b3 = a0;
  let left = vectors;
  for (; left >= 2; left -= 2) {
    const u = v128.load(y);
    const v = v128.load(y, 16);
    a0 = f32x4.add(a0, f32x4.mul(u, v128.load(x0)));
    a1 = f32x4.add(a1, f32x4.mul(u, v128.load(x1)));
    a2 = f32x4.add(a2, f32x4.mul(u, v128.load(x2)));
    a3 = f32x4.add(a3, f32x4.mul(u, v128.load(x3)));
    b0 = f32x4.add(b0, f32x4.mul(v, v128.load(x0, 16)));
    b1 = f32x4.add(b1, f32x4.mul(v, v128.load(x1, 16)));
    b2 = f32x4.add(b2, f32x4.mul(v, v128.load(x2, 16)));
    b3 = f32x4.add(b3, f32x4.mul(v, v128.load(x3, 16)));
    y += 32;
    x0 += 32;
    x1 += 32;
    x2 += 32;
    x3 += 32;
  }
  if (left > 0) {
    const u = v128.load(y);
    a0 = f32x4.add(a0, f32x4.mul(u, v128.load(x0)));
    a1 = f32x4.add(a1, f32x4.mul(u, v128.load(x1)));
    a2 = f32x4.add(a2, f32x4.mul(u, v128.load(x2)));
    a3 = f32x4.add(a3, f32x4.mul(u, v128.load(x3)));
  }
  const sums = sum4(f32x4.add(a0, b0), f32x4.add(a1, b1), f32x4.add(a2, b2), f32x4.add(a3, b3));
  v128.store(out, add ? f32x4.add(v128.load(out), sums) : sums);
}

/** One entry, summed in the order of `dot4`. */
function dot1(y: usize, x: usize, vectors: i32, out: usize, add: bool): void {
  let a = f32x4.splat(0);
  let b = a;
  let left = vectors;
  for (; left >= 2; left -= 2) {
    a = f32x4.add(a, f32x4.mul(v128.load(y), v128.load(x)));
    b = f32x4.add(b, f32x4.mul(v128.load(y, 16), v128.load(x, 16)));
    y += 32;
    x += 32;
  }
  if (left > 0) a = f32x4.add(a, f32x4.mul(v128.load(y), v128.load(x)));
  a = f32x4.add(a, b);
  const sums = sum4(a, a, a, a);
  const sum = f32x4.extract_lane(sums, 0);
  store<f32>(out, add ? load<f32>(out) + sum : sum);
}

/** The sums of the lanes of four vectors. */
function sum4(a: v128, b: v128, c: v128, d: v128): v128 {
  const ab = f32x4.add(v128.shuffle<f32>(a, b, 0, 4, 1, 5), v128.shuffle<f32>(a, b, 2, 6, 3, 7));
  const cd = f32x4.add(v128.shuffle<f32>(c, d, 0, 4, 1, 5), v128.shuffle<f32>(c, d, 2, 6, 3, 7));
  return f32x4.add(v128.shuffle<f32>(ab, cd, 0, 1, 4, 5), v128.shuffle<f32>(ab, cd, 2, 3, 6, 7));
}
