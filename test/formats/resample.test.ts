/** Pillow's resizing on bytes: values known by hand, and values that Pillow 12 gave. The golden cases clip/* hold it to more. */
import { expect, it } from 'vitest';
import { resample } from '../../src/formats/index.js';

const grey = (...values: number[]) => ({
  width: values.length,
  height: 1,
  data: Uint8Array.from(values.flatMap((value) => [value, value, value])),
});
const first = ({ data }: { data: Uint8Array }) => [...data].filter((_, i) => i % 3 === 0);

it('takes a picture that has the size as it is', () => {
  const image = grey(1, 2, 3);
  expect(resample(image, 3, 1, 'bicubic')).toBe(image);
});

it('weighs with the triangle, wider where it shrinks', () => {
  // Half the size: the triangle over two pixels on each side has weights 1/8, 3/8, 3/8, 1/8; cut at borders and normalized.
  expect(first(resample(grey(0, 80, 160, 240), 2, 1, 'bilinear'))).toEqual([
    Math.round((3 * 0 + 3 * 80 + 160) / 7),
    Math.round((80 + 3 * 160 + 3 * 240) / 7),
  ]);
});

// PIL.Image.fromarray(…).resize((width, height), filter)
it.each([
  ['bicubic', 3, [116, 121, 119]],
  ['bicubic', 4, [110, 131, 99, 140]],
  ['bicubic', 10, [0, 150, 223, 33, 145, 181, 85, 6, 119, 255]],
  ['bilinear', 3, [116, 126, 115]],
  ['bilinear', 4, [111, 123, 105, 142]],
  ['bilinear', 10, [0, 140, 199, 41, 141, 162, 86, 30, 120, 255]],
  ['lanczos', 3, [117, 119, 120]],
  ['lanczos', 4, [106, 146, 89, 135]],
  ['lanczos', 10, [0, 157, 230, 34, 133, 202, 80, 0, 125, 255]],
] as const)('gives what Pillow gives: %s to %i', (filter, width, expected) => {
  expect(first(resample(grey(0, 255, 30, 200, 90, 10, 255), width, 1, filter))).toEqual(expected);
});

it('filters columns as it filters rows', () => {
  const row = grey(0, 255, 30, 200, 90, 10, 255);
  const column = { width: 1, height: 7, data: row.data };
  expect(resample(column, 1, 4, 'bicubic').data).toEqual(resample(row, 4, 1, 'bicubic').data);
});
