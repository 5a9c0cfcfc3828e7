/** How many parameters methods add to Stable Diffusion 1.5, and which rank or width comes nearest to a number of them. */
import { expect, it } from 'vitest';
import { SIZES } from '../../bench/sizes.js';
import { parseUNetConfig, UNET } from '../../src/models/index.js';
import { METHODS, type MethodOptions } from '../../src/peft/index.js';
import { sizeOf } from '../../src/tensor/index.js';
import { shapeOnlyNetwork } from '../../src/train/memory/shape-only.js';

const unet = shapeOnlyNetwork('unet', UNET, parseUNetConfig(SIZES.sd15.unet));

/** What a method adds: how many parameters, and the first side of those that have the rank or width there. */
function added(method: 'lora' | 'dora' | 'adaptformer', options: MethodOptions) {
  const { parameters } = METHODS[method].addition!(unet, options);
  const sized = [...parameters].filter(([key]) => /\.(lora_A|down)\.weight$/.test(key));
  const [width, ...others] = new Set(sized.map(([, { shape }]) => shape[0]!));
  expect(others).toEqual([]);
  return { width, count: [...parameters.values()].reduce((sum, { shape }) => sum + sizeOf(shape), 0) };
}

it.each([
  ['lora', [25, 100, 251]],
  ['dora', [25, 100, 250]],
  ['adaptformer', [200, 800, 2001]],
] as const)('%s takes 5M, 20M and 50M with %j', (method, widths) => {
  for (const [i, targetParameters] of [5e6, 20e6, 50e6].entries()) {
    const { width, count } = added(method, { targetParameters });
    expect(width).toBe(widths[i]);
    const option = method === 'adaptformer' ? 'width' : 'rank';
    expect(added(method, { [option]: width! }).count).toBe(count);
    for (const other of [width! - 1, width! + 1]) {
      const distance = Math.abs(added(method, { [option]: other }).count - targetParameters);
      expect(distance).toBeGreaterThan(Math.abs(count - targetParameters));
    }
  }
});

it('refuses a rank or width beside a number of parameters, and layers that are not there', () => {
  expect(() => added('lora', { rank: 4, targetParameters: 5e6 })).toThrow('leave one out');
  expect(() => added('adaptformer', { width: 4, targetParameters: 5e6 })).toThrow('leave one out');
  expect(() => added('dora', { targetModules: ['to_x'] })).toThrow('ends in "to_x"');
});
