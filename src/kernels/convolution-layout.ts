/**
 * Convolutions: x is laid out so that what an entry of the weight is multiplied with is contiguous. Large planes are
 * padded, one for each phase of the stride, and a window is an offset into them; dY then has zeros where a window runs
 * from one row into the next. Of small planes, where those zeros would be many, there is a copy for each tap of the kernel.
 */
import { MOST_FLOATS, type Piece, ranges, STAGED_FLOATS, type Stage, wholeVectors } from './piece.js';
import type { ConvShape } from './sampled-gradients.js';

/** How much longer the sums of padded planes may be before copies for each tap are better. */
const MOST_WASTE = 1.1;

/** Images begin … end and output rows top … bottom of them. */
interface Part {
  readonly images: readonly [number, number];
  readonly rows: readonly [number, number];
}

export function convolutionPieces(shape: ConvShape, dY: Float32Array, x: Float32Array): Piece[] {
  return partsOf(shape).map((part) => {
    const padded = paddedLayout(shape, part);
    const outputs = (part.images[1] - part.images[0]) * (part.rows[1] - part.rows[0]) * shape.outWidth;
    const layout = padded.length <= MOST_WASTE * outputs ? padded : tapLayout(shape, part);
    return pieceOf(shape, part, layout, dY, x);
  });
}

/** As many images at once as fit; of images that do not, as many rows. */
function partsOf(shape: ConvShape): Part[] {
  const { batch, outHeight } = shape;
  const floats = (images: number, rows: number): number => {
    const part: Part = { images: [0, images], rows: [0, rows] };
    const { xFloats, yStride } = largerLayout(shape, part);
    return xFloats + yStride * shape.outputs;
  };
  const images = largest(batch, (count) => floats(count, outHeight) <= MOST_FLOATS);
  if (floats(1, outHeight) <= MOST_FLOATS)
    return [...ranges(batch, images)].map((range) => ({ images: range, rows: [0, outHeight] }));
  const rows = largest(outHeight, (count) => floats(1, count) <= MOST_FLOATS);
  return [...ranges(batch, 1)].flatMap((range) =>
    [...ranges(outHeight, rows)].map((band) => ({ images: range, rows: band })),
  );
}

/** The largest of 1 … most that fits, or 1. */
function largest(most: number, fits: (count: number) => boolean): number {
  let count = most;
  while (count > 1 && !fits(count)) count = Math.ceil(count / 2);
  return count;
}

function largerLayout(shape: ConvShape, part: Part): Layout {
  const [a, b] = [paddedLayout(shape, part), tapLayout(shape, part)];
  return a.xFloats + a.yStride * shape.outputs > b.xFloats + b.yStride * shape.outputs ? a : b;
}

interface Layout {
  readonly xFloats: number;
  readonly xZeros: number;
  readonly yStride: number;
  readonly length: number;
  offsets(column: number): number;
  /** Floats from one row of dY to the next, and from one image to the next. */
  readonly rowStride: number;
  readonly imageStride: number;
  readonly kernel: 'phasePlanes' | 'columns';
  /** Floats from one channel of x to the next. */
  readonly channelStride: number;
  /** Parameters of the kernel after the size of the planes and the stride, without the padding. */
  readonly parameters: readonly number[];
}

function paddedLayout({ channels, width, kernel, stride, padding, outWidth }: ConvShape, part: Part): Layout {
  const [kh, kw] = kernel;
  const [top, left, bottom, right] = padding;
  const images = part.images[1] - part.images[0];
  const outRows = part.rows[1] - part.rows[0];
  const [down, across] = [Math.min(stride, kh), Math.min(stride, kw)];
  // The zeros after a row are also those before the next; likewise below and above an image.
  const pitch = stride === 1 ? width + Math.max(left, right) : outWidth + Math.floor((kw - 1) / stride);
  const sharedRows = stride === 1 ? Math.min(top, bottom) : 0;
  const rows = outRows + Math.floor((kh - 1) / stride) - (images > 1 ? sharedRows : 0);
  const imageStride = rows * pitch;
  const phaseStride = images * imageStride;
  const channelStride = down * across * phaseStride;
  const length = (images - 1) * imageStride + (outRows - 1) * pitch + outWidth;
  const xZeros = kh * pitch + kw + 4;
  return {
    xFloats: channels * channelStride + xZeros,
    xZeros,
    yStride: wholeVectors(length),
    length,
    rowStride: pitch,
    imageStride,
    kernel: 'phasePlanes',
    channelStride,
    parameters: [down, across, phaseStride, rows, pitch],
    offsets: (column) => {
      const v = column % kw;
      const u = Math.floor(column / kw) % kh;
      const c = Math.floor(column / (kw * kh));
      const phase = (u % stride) * across + (v % stride);
      return (
        c * channelStride + phase * phaseStride + Math.floor(u / stride) * pitch + Math.floor(v / stride)
      );
    },
  };
}

function tapLayout({ channels, kernel, outWidth }: ConvShape, part: Part): Layout {
  const [kh, kw] = kernel;
  const outRows = part.rows[1] - part.rows[0];
  const imageStride = outRows * outWidth;
  const length = (part.images[1] - part.images[0]) * imageStride;
  const tapStride = wholeVectors(length);
  return {
    xFloats: channels * kh * kw * tapStride,
    xZeros: 0,
    yStride: tapStride,
    length,
    rowStride: outWidth,
    imageStride,
    kernel: 'columns',
    channelStride: kh * kw * tapStride,
    parameters: [kh, kw, tapStride, outRows, outWidth],
    offsets: (column) => column * tapStride,
  };
}

function pieceOf(shape: ConvShape, part: Part, layout: Layout, dY: Float32Array, x: Float32Array): Piece {
  const { outputs, height, width, outHeight, outWidth } = shape;
  const { xFloats, xZeros, yStride, length, offsets } = layout;
  const staged = (plane: number) => Math.max(plane, STAGED_FLOATS);
  return {
    ...{ xFloats, xZeros, yStride, outputs, length, offsets },
    stagedFloats: Math.max(staged(height * width), staged(outHeight * outWidth)),
    stages: (xAddress, yAddress) => [
      ...xStages(shape, part, layout, x, xAddress),
      ...yStages(shape, part, layout, dY, yAddress),
    ],
  };
}

function xStages(shape: ConvShape, part: Part, layout: Layout, x: Float32Array, to: number): Stage[] {
  const { channels, height, width, kernel, stride, padding } = shape;
  const [top, left] = padding;
  const [firstRow, lastRow] = part.rows;
  const first = firstRow * stride - top;
  const begin = Math.min(height, Math.max(0, first));
  const end = Math.max(begin, Math.min(height, (lastRow - 1) * stride + kernel[0] - top));
  return planeStages(x, channels, height, width, [begin, end], part.images, (image, from, count) => ({
    kernel: layout.kernel,
    items: count,
    parameters: [
      to + 4 * (from * layout.channelStride + image * layout.imageStride),
      layout.channelStride,
      end - begin,
      width,
      stride,
      ...layout.parameters,
      begin - first,
      left,
      image + 1 < part.images[1] - part.images[0] ? 0 : layout.yStride - layout.length,
    ],
  }));
}

function yStages(shape: ConvShape, part: Part, layout: Layout, dY: Float32Array, to: number): Stage[] {
  const { outputs, outHeight, outWidth } = shape;
  const { yStride, rowStride, imageStride } = layout;
  const rows = part.rows[1] - part.rows[0];
  const images = part.images[1] - part.images[0];
  const [lines, line] = rowStride === outWidth ? [1, rows * outWidth] : [rows, outWidth];
  return planeStages(dY, outputs, outHeight, outWidth, part.rows, part.images, (image, from, count) => ({
    kernel: 'spreadRows',
    items: count,
    parameters: [
      to + 4 * (from * yStride + image * imageStride),
      yStride,
      lines,
      line,
      rowStride,
      image + 1 < images ? imageStride : yStride - image * imageStride,
    ],
  }));
}

/** Copies rows begin … end of the planes of [N, count, height, width], as many planes at once as a stage holds. */
function planeStages(
  planes: Float32Array,
  count: number,
  height: number,
  width: number,
  [begin, end]: readonly [number, number],
  [firstImage, lastImage]: readonly [number, number],
  job: (image: number, first: number, count: number) => Pick<Stage, 'kernel' | 'items' | 'parameters'>,
): Stage[] {
  const size = height * width;
  const part = (end - begin) * width;
  const group = Math.max(1, Math.floor(STAGED_FLOATS / Math.max(1, part)));
  const stages: Stage[] = [];
  for (let image = firstImage; image < lastImage; image++)
    for (const [first, last] of ranges(count, group)) {
      const start = (image * count + first) * size;
      stages.push({
        floats: (last - first) * part,
        copy: (staged) => {
          if (part === size) staged.set(planes.subarray(start, start + (last - first) * size));
          else
            for (let i = 0; i < last - first; i++) {
              const from = start + i * size + begin * width;
              staged.set(planes.subarray(from, from + part), i * part);
            }
        },
        ...job(image - firstImage, first, last - first),
      });
    }
  return stages;
}
