/** preprocessor_config.json in its old and new forms, and the geometry of resizing and cropping. */
import { describe, expect, it } from 'vitest';
import { InputError } from '../../src/errors.js';
import { ImageProcessor } from '../../src/models/index.js';
import { expectAllclose } from '../support/allclose.js';

const image = (width: number, height: number) => ({
  width,
  height,
  data: Uint8Array.from({ length: 3 * width * height }, (_, i) => i % 251),
});

describe('sizes', () => {
  it.each([
    ['a shorter side, cut to whole numbers', { size: { shortest_edge: 10 } }, [10, 17]],
    ['a single number', { size: 10 }, [10, 17]],
    ['both sides', { size: { height: 6, width: 5 } }, [5, 6]],
    ['a crop', { size: 10, do_center_crop: true, crop_size: 8 }, [8, 8]],
    ['a crop of both sides', { size: 10, do_center_crop: true, crop_size: { height: 9, width: 7 } }, [7, 9]],
    ['nothing to do', { do_resize: false }, [40, 71]],
  ])('%s', (_, json, [width, height]) => {
    expect(ImageProcessor.of(json).resize(image(40, 71))).toMatchObject({ width, height });
  });
});

it('crops the middle, the odd pixel to the right and below', () => {
  const { data } = ImageProcessor.of({ do_resize: false, do_center_crop: true, crop_size: 1 }).resize(
    image(4, 2),
  );
  // Column 1 of row 0.
  expect([...data]).toEqual([3, 4, 5]);
});

it('surrounds a picture that is smaller than the crop with black', () => {
  const { data } = ImageProcessor.of({ do_resize: false, do_center_crop: true, crop_size: 3 }).resize({
    width: 1,
    height: 1,
    data: Uint8Array.of(9, 8, 7),
  });
  expect([...data]).toEqual([...Array(12).fill(0), 9, 8, 7, ...Array(12).fill(0)]);
});

it('scales and normalizes each channel', () => {
  const processor = ImageProcessor.of({ do_resize: false, image_mean: [0.5, 0, 1], image_std: [0.5, 1, 2] });
  const { shape, data } = processor.process({ width: 1, height: 1, data: Uint8Array.of(255, 51, 0) });
  expect(shape).toEqual([1, 3, 1, 1]);
  expectAllclose(data, [1, 0.2, -0.5]);
});

it.each([
  [{ resample: 5 }, /resample 5 is not supported/],
  [{ size: { longest_edge: 9 } }, /size/],
  [{ image_std: [0, 1, 1] }, /image_std.0 0/],
])('refuses %j', (json, message) => {
  expect(() => ImageProcessor.of(json)).toThrow(InputError);
  expect(() => ImageProcessor.of(json)).toThrow(message);
});
