/** Pictures as FID's Inception takes them: enlarged or reduced as TensorFlow 1 did it, without smoothing and half-pixel shift. */
import type { Image } from '../formats/index.js';

/** Where an output pixel lies between two input pixels. */
interface Between {
  readonly low: Int32Array;
  readonly high: Int32Array;
  /** Share of the higher one. */
  readonly share: Float32Array;
}

/**
 * [3, side, side], values (v − 128) / 128 of the bytes v: bilinear between the pixels around x·width/side, which is
 * tf.image.resize_bilinear with align_corners=False and interpolate_bilinear_2d_like_tensorflow1x of torch-fidelity.
 */
export function inceptionPixels({ width, height, data }: Image, side: number): Float32Array {
  const [columns, rows] = [between(width, side), between(height, side)];
  const out = new Float32Array(3 * side * side);
  for (let c = 0; c < 3; c++) {
    const at = (row: number, column: number) => data[3 * (row * width + column) + c]!;
    for (let i = 0; i < side; i++) {
      const [top, bottom, down] = [rows.low[i]!, rows.high[i]!, rows.share[i]!];
      for (let j = 0; j < side; j++) {
        const [left, right, across] = [columns.low[j]!, columns.high[j]!, columns.share[j]!];
        const above = at(top, left) + (at(top, right) - at(top, left)) * across;
        const below = at(bottom, left) + (at(bottom, right) - at(bottom, left)) * across;
        out[(c * side + i) * side + j] = (above + (below - above) * down - 128) / 128;
      }
    }
  }
  return out;
}

function between(from: number, to: number): Between {
  const scale = Math.fround(from / to);
  const places = Float32Array.from({ length: to }, (_, i) => i * scale);
  const low = Int32Array.from(places);
  return {
    low,
    high: low.map((at) => Math.min(at + 1, from - 1)),
    share: places.map((place, i) => place - low[i]!),
  };
}
