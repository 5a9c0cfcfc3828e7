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

/** Item `c` of planes [count, height, width] → what each tap of the kernel is multiplied with, and `zeros` after it. */
export function columns(item: i32): void {
  const from = parameter(0);
  const to = parameter(1);
  const toStride = parameter(2);
  const height = parameter(3);
  const width = parameter(4);
  const stride = parameter(5);
  const kernelHeight = parameter(6);
  const kernelWidth = parameter(7);
  const tapStride = parameter(8);
  const outHeight = parameter(9);
  const outWidth = parameter(10);
  const top = parameter(11);
  const left = parameter(12);
  const zeros = parameter(13);
  const source: usize = from + 4 * item * height * width;
  let tap: usize = to + 4 * item * toStride;
  for (let u = 0; u < kernelHeight; u++)
    for (let v = 0; v < kernelWidth; v++) {
      let out: usize = tap;
      for (let i = 0; i < outHeight; i++) {
        copyLine(out, source, i * stride + u - top, height, width, stride, v - left, outWidth);
        out += 4 * outWidth;
      }
      zeroFloats(out, zeros);
      tap += 4 * tapStride;
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

/**
 * Item `k`: columns 32k … 32k + 31 of a matrix [rows, columns] → rows of a matrix with `toStride` floats a row,
 * where rows beyond the matrix, up to a multiple of 4, become zero.
 */
export function transpose(item: i32): void {
  const from = parameter(0);
  const to = parameter(1);
  const toStride = parameter(2);
  const rows = parameter(3);
  const columns = parameter(4);
  const first = item << 5;
  const last = min(columns, first + 32);
  const wholeRows = rows & ~3;
  for (let row = 0; row < wholeRows; row += 4) {
    let source: usize = from + 4 * (row * columns + first);
    let target: usize = to + 4 * (first * toStride + row);
    let column = first;
    for (; column + 4 <= last; column += 4) {
      transpose4(source, 4 * columns, target, 4 * toStride);
      source += 16;
      target += 16 * toStride;
    }
    for (; column < last; column++) {
      for (let i = 0; i < 4; i++) store<f32>(target + 4 * i, load<f32>(source + 4 * i * columns));
      source += 4;
      target += 4 * toStride;
    }
  }
  if (wholeRows === rows) return;
  for (let column = first; column < last; column++)
    for (let row = wholeRows; row < wholeRows + 4; row++) {
      const value = row < rows ? load<f32>(from + 4 * (row * columns + column)) : 0;
      store<f32>(to + 4 * (column * toStride + row), value);
    }
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
