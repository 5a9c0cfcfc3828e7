/**
 * Convolutions: x is padded, so that what an entry of the weight is multiplied with is contiguous and its tap (u, v) no
 * more than an offset; dY gets zeros where such a stretch runs from one row of x into the next. With a stride, x is split
 * into phases, in which a window moves by one.
 */
import { MOST_FLOATS, type Piece, ranges, STAGED_FLOATS, type Stage, wholeVectors } from './piece.js';
import type { ConvShape } from './sampled-gradients.js';

/** Images and output rows of one piece: [begin, end). */
interface Part {
  readonly images: readonly [number, number];
  readonly rows: readonly [number, number];
}

export function convolutionPieces(shape: ConvShape, dY: Float32Array, x: Float32Array): Piece[] {
  return partsOf(shape).map((part) => pieceOf(shape, layoutOf(shape, part), dY, x));
}

/** As many images at once as fit; of images that do not, as many rows. */
function partsOf(shape: ConvShape): Part[] {
  const { batch, outHeight } = shape;
  const fits = (images: number, rows: number): boolean => {
    const { xFloats, yStride } = layoutOf(shape, { images: [0, images], rows: [0, rows] });
    return xFloats + yStride * shape.outputs <= MOST_FLOATS;
  };
  const images = largest(batch, (count) => fits(count, outHeight));
  const rows = images > 1 ? outHeight : largest(outHeight, (count) => fits(1, count));
  return [...ranges(batch, images)].flatMap((range) =>
    [...ranges(outHeight, rows)].map((band) => ({ images: range, rows: band })),
  );
}

/** `most` halved until it fits, at least 1. */
function largest(most: number, fits: (count: number) => boolean): number {
  let count = most;
  while (count > 1 && !fits(count)) count = Math.ceil(count / 2);
  return count;
}

/** Sizes in floats. */
interface Layout extends Part {
  readonly xFloats: number;
  readonly xZeros: number;
  readonly yStride: number;
  readonly length: number;
  /** From one row of x or dY to the next, one image to the next, one phase and one channel of x to the next. */
  readonly pitch: number;
  readonly imageStride: number;
  readonly phaseStride: number;
  readonly channelStride: number;
  /** Phases, and rows of an image in each. */
  readonly down: number;
  readonly across: number;
  readonly phaseRows: number;
}

function layoutOf({ channels, width, kernel, stride, padding, outWidth }: ConvShape, part: Part): Layout {
  const [kh, kw] = kernel;
  const [top, left, bottom, right] = padding;
  const images = part.images[1] - part.images[0];
  const outRows = part.rows[1] - part.rows[0];
  const [down, across] = [Math.min(stride, kh), Math.min(stride, kw)];
  // The zeros after a row are also those before the next one; likewise below an image and above the next one.
  const pitch = stride === 1 ? width + Math.max(left, right) : outWidth + Math.floor((kw - 1) / stride);
  const sharedRows = stride === 1 && images > 1 ? Math.min(top, bottom) : 0;
  const phaseRows = outRows + Math.floor((kh - 1) / stride) - sharedRows;
  const imageStride = phaseRows * pitch;
  const phaseStride = images * imageStride;
  const channelStride = down * across * phaseStride;
  const length = (images - 1) * imageStride + (outRows - 1) * pitch + outWidth;
  const xZeros = kh * pitch + kw + 4;
  return {
    ...part,
    ...{ xFloats: channels * channelStride + xZeros, xZeros, yStride: wholeVectors(length), length },
    ...{ pitch, imageStride, phaseStride, channelStride, down, across, phaseRows },
  };
}

function pieceOf(shape: ConvShape, layout: Layout, dY: Float32Array, x: Float32Array): Piece {
  const { outputs, channels, height, width, kernel, stride, outHeight, outWidth } = shape;
  const { xFloats, xZeros, yStride, length, pitch, phaseStride, channelStride, across } = layout;
  const [kh, kw] = kernel;
  return {
    ...{ xFloats, xZeros, yStride, outputs, length },
    stagedFloats: Math.max(STAGED_FLOATS, height * width, outHeight * outWidth),
    taps: kh * kw,
    fillOffsets: (table) => {
      let column = 0;
      for (let c = 0; c < channels; c++)
        for (let u = 0; u < kh; u++)
          for (let v = 0; v < kw; v++) {
            const phase = (u % stride) * across + (v % stride);
            const inPhase = Math.floor(u / stride) * pitch + Math.floor(v / stride);
            table[column++] = 4 * (c * channelStride + phase * phaseStride + inPhase);
          }
    },
    stages: (xAddress, yAddress) => [
      ...xStages(shape, layout, x, xAddress),
      ...yStages(shape, layout, dY, yAddress),
    ],
  };
}

function xStages(shape: ConvShape, layout: Layout, x: Float32Array, to: number): Stage[] {
  const { channels, height, width, kernel, stride, padding } = shape;
  const { images, rows, imageStride, channelStride, down, across, phaseStride, phaseRows, pitch } = layout;
  const [top, left] = padding;
  const first = rows[0] * stride - top;
  const begin = Math.min(height, Math.max(0, first));
  const end = Math.max(begin, Math.min(height, (rows[1] - 1) * stride + kernel[0] - top));
  return planeStages(x, channels, height, width, [begin, end], images, (image, from, count) => ({
    kernel: 'phasePlanes',
    items: count,
    parameters: [
      ...[to + 4 * (from * channelStride + image * imageStride), channelStride, end - begin, width],
      ...[stride, down, across, phaseStride, phaseRows, pitch, begin - first, left],
    ],
  }));
}

function yStages(shape: ConvShape, layout: Layout, dY: Float32Array, to: number): Stage[] {
  const { outputs, outHeight, outWidth } = shape;
  const { images, rows, yStride, pitch, imageStride } = layout;
  const count = rows[1] - rows[0];
  const [lines, line] = pitch === outWidth ? [1, count * outWidth] : [count, outWidth];
  return planeStages(dY, outputs, outHeight, outWidth, rows, images, (image, from, items) => ({
    kernel: 'spreadRows',
    items,
    parameters: [
      ...[to + 4 * (from * yStride + image * imageStride), yStride, lines, line, pitch],
      images[0] + image + 1 < images[1] ? imageStride : yStride - image * imageStride,
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
