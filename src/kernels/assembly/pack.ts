/** Copies that put what a dot product reads next to each other. */
import { parameter } from './threads';

/**
 * Item `c` of planes [count, height, width] → the rows of one image in a row of dot products: plane c goes to
 * `to + c·toStride`, row y to `+ y·pitch`, and what is not a row becomes zero up to `length` floats.
 */
export function spreadRows(item: i32): void {
  const from = parameter(0);
  const to = parameter(1);
  const toStride = parameter(2);
  const height = parameter(3);
  const width = parameter(4);
  const pitch = parameter(5);
  const length = parameter(6);
  let source: usize = from + 4 * item * height * width;
  let target: usize = to + 4 * item * toStride;
  const end: usize = target + 4 * length;
  for (let y = 0; y < height; y++) {
    copyFloats(target, source, width);
    const next: usize = y + 1 < height ? target + 4 * pitch : end;
    zeroFloats(target + 4 * width, <i32>((next - target) >> 2) - width);
    source += 4 * width;
    target = next;
  }
}

/**
 * Item `c` of planes [count, height, width] → its phase planes: phase (p, q) holds padded rows p, p + s, … and columns
 * q, q + s, …, so that a window that moves by the stride is contiguous.
 */
export function phasePlanes(item: i32): void {
  const from = parameter(0);
  const to = parameter(1);
  const toStride = parameter(2);
  const height = parameter(3);
  const width = parameter(4);
  const stride = parameter(5);
  const phasesDown = parameter(6);
  const phasesAcross = parameter(7);
  const phaseStride = parameter(8);
  const rows = parameter(9);
  const pitch = parameter(10);
  const top = parameter(11);
  const left = parameter(12);
  const source: usize = from + 4 * item * height * width;
  const target: usize = to + 4 * item * toStride;
  for (let p = 0; p < phasesDown; p++)
    for (let q = 0; q < phasesAcross; q++) {
      let out: usize = target + 4 * (p * phasesAcross + q) * phaseStride;
      for (let i = 0; i < rows; i++) {
        copyLine(out, source, i * stride + p - top, height, width, stride, q - left, pitch);
        out += 4 * pitch;
      }
    }
}

/** out[j] = plane[row, first + j·stride] for j < count; zero outside of the plane. */
function copyLine(
  out: usize,
  plane: usize,
  row: i32,
  height: i32,
  width: i32,
  stride: i32,
  first: i32,
  count: i32,
): void {
  if (<u32>row >= <u32>height) {
    zeroFloats(out, count);
    return;
  }
  const line: usize = plane + 4 * row * width;
  const begin = min(count, first < 0 ? (stride - 1 - first) / stride : 0);
  const end = max(begin, min(count, (width - first + stride - 1) / stride));
  zeroFloats(out, begin);
  if (stride === 1) {
    copyFloats(out + 4 * begin, line + 4 * (first + begin), end - begin);
  } else {
    for (let j = begin; j < end; j++) store<f32>(out + 4 * j, load<f32>(line + 4 * (first + j * stride)));
  }
  zeroFloats(out + 4 * end, count - end);
}

/** Columns and rows of an item of `transpose`, few enough that the pages of both matrices stay known to the processor. */
const ITEM_COLUMNS: i32 = 64;
const ITEM_ROWS: i32 = 128;
/** Side of the squares in which an item is transposed, so that whole cache lines are read and written. */
const SQUARE: i32 = 16;

/**
 * Item `k`: a part of a matrix [rows, columns], counted along the columns first → its transpose, `toStride` floats a row,
 * where rows beyond the matrix, up to a multiple of 4, become zero.
 */
export function transpose(item: i32): void {
  const from = parameter(0);
  const to = parameter(1);
  const toStride = parameter(2);
  const rows = parameter(3);
  const columns = parameter(4);
  const across = (columns + ITEM_COLUMNS - 1) / ITEM_COLUMNS;
  const firstColumn = (item % across) * ITEM_COLUMNS;
  const lastColumn = min(columns, firstColumn + ITEM_COLUMNS);
  const firstRow = (item / across) * ITEM_ROWS;
  const lastRow = min(rows, firstRow + ITEM_ROWS);
  const wholeRows = lastRow & ~3;
  for (let row = firstRow; row < wholeRows; row += SQUARE)
    for (let column = firstColumn; column < lastColumn; column += SQUARE)
      transposeSquare(
        from + 4 * (row * columns + column),
        columns,
        to + 4 * (column * toStride + row),
        toStride,
        min(SQUARE, wholeRows - row),
        min(SQUARE, lastColumn - column),
      );
  if (wholeRows === lastRow) return;
  for (let column = firstColumn; column < lastColumn; column++)
    for (let row = wholeRows; row < wholeRows + 4; row++) {
      const value = row < rows ? load<f32>(from + 4 * (row * columns + column)) : 0;
      store<f32>(to + 4 * (column * toStride + row), value);
    }
}

/** The transpose of `rows`, a multiple of 4, by `columns`. */
function transposeSquare(
  from: usize,
  fromStride: i32,
  to: usize,
  toStride: i32,
  rows: i32,
  columns: i32,
): void {
  const whole = columns & ~3;
  for (let column = 0; column < whole; column += 4)
    for (let row = 0; row < rows; row += 4)
      transpose4(
        from + 4 * (row * fromStride + column),
        4 * fromStride,
        to + 4 * (column * toStride + row),
        4 * toStride,
      );
  for (let column = whole; column < columns; column++)
    for (let row = 0; row < rows; row++)
      store<f32>(to + 4 * (column * toStride + row), load<f32>(from + 4 * (row * fromStride + column)));
}

function transpose4(source: usize, sourceStride: usize, target: usize, targetStride: usize): void {
  const a = v128.load(source);
  const b = v128.load(source + sourceStride);
  const c = v128.load(source + 2 * sourceStride);
  const d = v128.load(source + 3 * sourceStride);
  const ab = v128.shuffle<f32>(a, b, 0, 4, 1, 5);
  const cd = v128.shuffle<f32>(c, d, 0, 4, 1, 5);
  const ab2 = v128.shuffle<f32>(a, b, 2, 6, 3, 7);
  const cd2 = v128.shuffle<f32>(c, d, 2, 6, 3, 7);
  v128.store(target, v128.shuffle<f32>(ab, cd, 0, 1, 4, 5));
  v128.store(target + targetStride, v128.shuffle<f32>(ab, cd, 2, 3, 6, 7));
  v128.store(target + 2 * targetStride, v128.shuffle<f32>(ab2, cd2, 0, 1, 4, 5));
  v128.store(target + 3 * targetStride, v128.shuffle<f32>(ab2, cd2, 2, 3, 6, 7));
}

function copyFloats(to: usize, from: usize, count: i32): void {
  let i = 0;
  for (; i + 4 <= count; i += 4) v128.store(to + 4 * i, v128.load(from + 4 * i));
  for (; i < count; i++) store<f32>(to + 4 * i, load<f32>(from + 4 * i));
}

function zeroFloats(to: usize, count: i32): void {
  let i = 0;
  for (; i + 4 <= count; i += 4) v128.store(to + 4 * i, f32x4.splat(0));
  for (; i < count; i++) store<f32>(to + 4 * i, 0);
}
