/** Resizing as Pillow does it on bytes, to the bit: separable filters, antialiased, with coefficients in fixed point. */
import type { Image } from './images.js';

interface Filter {
  /** Half of the width over which the filter is not zero, in pixels of the smaller picture. */
  readonly support: number;
  at(x: number): number;
}

const sinc = (x: number): number => (x === 0 ? 1 : Math.sin(Math.PI * x) / (Math.PI * x));

const FILTERS = {
  bilinear: { support: 1, at: (x) => Math.max(0, 1 - Math.abs(x)) },
  /** Keys' cubic with a = −1/2. */
  bicubic: {
    support: 2,
    at: (x) => {
      const [a, t] = [-0.5, Math.abs(x)];
      if (t < 1) return ((a + 2) * t - (a + 3)) * t * t + 1;
      return t < 2 ? (((t - 5) * t + 8) * t - 4) * a : 0;
    },
  },
  lanczos: { support: 3, at: (x) => (x >= -3 && x < 3 ? sinc(x) * sinc(x / 3) : 0) },
} as const satisfies Record<string, Filter>;

export type ResampleFilter = keyof typeof FILTERS;

const PRECISION_BITS = 32 - 8 - 2;
const ONE = 2 ** PRECISION_BITS;

/** What one output pixel is made of: input pixels from `start` on, each with its weight in units of 2⁻²². */
interface Window {
  readonly start: number;
  readonly weights: readonly number[];
}

/** precompute_coeffs and normalize_coeffs_8bpc of Pillow's Resample.c (12.0). */
function windows(from: number, to: number, filter: Filter): Window[] {
  const scale = from / to;
  const stretch = Math.max(scale, 1);
  const support = filter.support * stretch;
  return Array.from({ length: to }, (_, i) => {
    const centre = (i + 0.5) * scale;
    const start = Math.max(0, Math.trunc(centre - support + 0.5));
    const end = Math.min(from, Math.trunc(centre + support + 0.5));
    const inverse = 1 / stretch;
    const raw = Array.from({ length: end - start }, (_, k) =>
      filter.at((k + start - centre + 0.5) * inverse),
    );
    const total = raw.reduce((sum, weight) => sum + weight, 0);
    const weights = raw.map((weight) => {
      const share = (total === 0 ? weight : weight * (1 / total)) * ONE;
      return Math.trunc(share + (share < 0 ? -0.5 : 0.5));
    });
    return { start, weights };
  });
}

/** The picture with `width` × `height` pixels; itself where it has them. Equal to Pillow's Image.resize for RGB. */
export function resample(image: Image, width: number, height: number, name: ResampleFilter): Image {
  const filter = FILTERS[name];
  const wide = image.width === width ? image : filterRows(image, width, windows(image.width, width, filter));
  return wide.height === height ? wide : filterColumns(wide, height, windows(wide.height, height, filter));
}

function filterRows({ width: from, height, data }: Image, width: number, columns: readonly Window[]): Image {
  const out = new Uint8ClampedArray(3 * width * height);
  for (let y = 0; y < height; y++)
    columns.forEach(({ start, weights }, x) => {
      const first = 3 * (y * from + start);
      for (let c = 0; c < 3; c++) out[3 * (y * width + x) + c] = weighted(data, first + c, 3, weights);
    });
  return { width, height, data: new Uint8Array(out.buffer) };
}

function filterColumns({ width, data }: Image, height: number, rows: readonly Window[]): Image {
  const step = 3 * width;
  const out = new Uint8ClampedArray(step * height);
  rows.forEach(({ start, weights }, y) => {
    for (let i = 0; i < step; i++) out[y * step + i] = weighted(data, start * step + i, step, weights);
  });
  return { width, height, data: new Uint8Array(out.buffer) };
}

/** Σ weight · byte in fixed point, rounded half up. */
function weighted(data: Uint8Array, first: number, step: number, weights: readonly number[]): number {
  let sum = ONE / 2;
  for (let k = 0, at = first; k < weights.length; k++, at += step) sum += weights[k]! * data[at]!;
  return Math.floor(sum / ONE);
}
