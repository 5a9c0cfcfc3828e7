/** Pictures as opaque 8-bit RGB: reading, writing PNG, resizing, the value range of models. */
import { readFile } from 'node:fs/promises';
import sharp from 'sharp';
import { InputError } from '../errors.js';
import { fileError, writeFileAtomic } from './files.js';

/** An opaque picture: rows from the top, three bytes (red, green, blue; sRGB) a pixel. */
export interface Image {
  readonly width: number;
  readonly height: number;
  readonly data: Uint8Array;
}

/**
 * Decodes PNG, JPEG, WebP, GIF, TIFF or AVIF bytes: transparency becomes white, an EXIF orientation is applied,
 * an animation gives its first frame. `name` is what an error calls the picture.
 * Throws InputError where the bytes are cut short, broken or of another kind.
 */
export async function decodeImage(bytes: Uint8Array, name: string): Promise<Image> {
  try {
    const { data, info } = await sharp(bytes, { failOn: 'error' })
      .autoOrient()
      .toColourspace('srgb')
      .flatten({ background: '#fff' })
      .raw({ depth: 'uchar' })
      .toBuffer({ resolveWithObject: true });
    return { width: info.width, height: info.height, data: toRgb(data, info.channels) };
  } catch (error) {
    const cause = (error as Error).message.trim().split('\n')[0];
    throw new InputError(
      `expected a whole picture in ${name}, but it cannot be decoded (${cause}), so replace it or convert it to PNG`,
      { cause: error },
    );
  }
}

function toRgb(data: Uint8Array, channels: number): Uint8Array {
  if (channels === 3) return data;
  const pixels = data.length / channels;
  const rgb = new Uint8Array(3 * pixels);
  for (let i = 0; i < pixels; i++) rgb.fill(data[i * channels]!, 3 * i, 3 * i + 3);
  return rgb;
}

/** Reads a picture; see `decodeImage`. Throws InputError naming the file where it is missing or broken. */
export async function readImage(path: string): Promise<Image> {
  let bytes: Uint8Array;
  try {
    bytes = await readFile(path);
  } catch (error) {
    throw fileError('read', path, error);
  }
  return decodeImage(bytes, path);
}

/** The picture as PNG bytes. */
export async function encodePng(image: Image): Promise<Uint8Array> {
  const { width, height, data } = image;
  return sharp(data, { raw: { width, height, channels: 3 } })
    .png({ compressionLevel: 9 })
    .toBuffer();
}

/** Writes the picture as a PNG file in one step. Throws InputError where the system refuses. */
export async function writePng(path: string, image: Image): Promise<void> {
  await writeFileAtomic(path, await encodePng(image));
}

/** Where a square is cut: the middle, or a position in [0, 1]² from the left upper to the right lower corner. */
export type CropPosition = 'centre' | readonly [x: number, y: number];

/** A square cut out of a picture that was first resized; all in pixels. */
export interface CropGeometry {
  readonly resizedWidth: number;
  readonly resizedHeight: number;
  readonly left: number;
  readonly top: number;
}

/** Resizing so that the shorter side has `size` pixels, then cutting a square of `size` × `size` at `crop`. */
export function cropGeometry(
  width: number,
  height: number,
  size: number,
  crop: CropPosition = 'centre',
): CropGeometry {
  const scale = size / Math.min(width, height);
  const resizedWidth = Math.max(size, Math.round(width * scale));
  const resizedHeight = Math.max(size, Math.round(height * scale));
  const [x, y] = crop === 'centre' ? [0.5, 0.5] : crop;
  const offset = (slack: number, position: number) => Math.min(slack, Math.floor(position * (slack + 1)));
  return {
    resizedWidth,
    resizedHeight,
    left: offset(resizedWidth - size, x),
    top: offset(resizedHeight - size, y),
  };
}

/**
 * A square of `size` × `size` pixels: resized (Lanczos) so that the shorter side fits, cut at `crop`, mirrored if `flip`.
 * A picture that has that size already is taken as it is.
 */
export async function resizeCrop(
  source: Image | string,
  size: number,
  { crop = 'centre', flip = false }: { crop?: CropPosition; flip?: boolean } = {},
): Promise<Image> {
  const image = typeof source === 'string' ? await readImage(source) : source;
  const { resizedWidth, resizedHeight, left, top } = cropGeometry(image.width, image.height, size, crop);
  const resized = await resize(image, resizedWidth, resizedHeight);
  const data = new Uint8Array(3 * size * size);
  for (let y = 0; y < size; y++) {
    for (let x = 0; x < size; x++) {
      const from = 3 * ((top + y) * resizedWidth + left + (flip ? size - 1 - x : x));
      const to = 3 * (y * size + x);
      data[to] = resized.data[from]!;
      data[to + 1] = resized.data[from + 1]!;
      data[to + 2] = resized.data[from + 2]!;
    }
  }
  return { width: size, height: size, data };
}

async function resize(image: Image, width: number, height: number): Promise<Image> {
  if (image.width === width && image.height === height) return image;
  const data = await sharp(image.data, { raw: { width: image.width, height: image.height, channels: 3 } })
    .resize(width, height, { fit: 'fill', kernel: 'lanczos3' })
    .raw()
    .toBuffer();
  return { width, height, data };
}

/** The picture as models take it: three planes (red, green, blue), shape [3, height, width], values in [−1, 1]. */
export function toUnit(image: Image): Float32Array {
  const pixels = image.width * image.height;
  const out = new Float32Array(3 * pixels);
  for (let i = 0; i < pixels; i++) {
    for (let c = 0; c < 3; c++) out[c * pixels + i] = image.data[3 * i + c]! / 127.5 - 1;
  }
  return out;
}

/** The inverse of `toUnit`: planes of shape [3, height, width]; values beyond [−1, 1] are clipped. */
export function fromUnit(planes: Float32Array, width: number, height: number): Image {
  const pixels = width * height;
  if (planes.length !== 3 * pixels) {
    throw new RangeError(`a picture of ${width}×${height} needs ${3 * pixels} values, got ${planes.length}`);
  }
  const data = new Uint8Array(3 * pixels);
  for (let i = 0; i < pixels; i++) {
    for (let c = 0; c < 3; c++) {
      const value = Math.round((planes[c * pixels + i]! + 1) * 127.5);
      data[3 * i + c] = Math.min(255, Math.max(0, value));
    }
  }
  return { width, height, data };
}
