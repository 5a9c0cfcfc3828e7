/** The measured choice between the two forms of a weight gradient, at layers of Stable Diffusion 1.5. */
import { describe, expect, test } from 'vitest';
import { type ConvShape, type LinearShape, sampledIsFaster } from '../../src/kernels/index.js';

const conv = (channels: number, side: number): ConvShape => ({
  ...{ batch: 1, outputs: channels, channels, height: side, width: side, outHeight: side, outWidth: side },
  ...{ kernel: [3, 3], stride: 1, padding: [1, 1, 1, 1] },
});

/** The shape, its number of weights, and a density at which dense and gathered was measured to be the faster form. */
const layers: Record<string, [LinearShape | ConvShape, number, number]> = {
  'a convolution at 32×32': [conv(320, 32), 320 * 320 * 9, 0.4],
  'a convolution at 8×8': [conv(1280, 8), 1280 * 1280 * 9, 0.6],
  'a linear layer of 1024 tokens': [{ rows: 1024, outputs: 320, inputs: 320 }, 320 * 320, 0.2],
  'a linear layer of 256 tokens': [{ rows: 256, outputs: 640, inputs: 640 }, 640 * 640, 0.3],
};

describe.each(Object.keys(layers))('%s', (name) => {
  const [shape, weights, dense] = layers[name]!;
  test.each([0.006, 0.023, 0.058])('is sampled at density %f', (density) => {
    expect(sampledIsFaster(shape, density * weights)).toBe(true);
  });

  test(`is gathered at density ${dense}`, () => {
    expect(sampledIsFaster(shape, dense * weights)).toBe(false);
  });
});
