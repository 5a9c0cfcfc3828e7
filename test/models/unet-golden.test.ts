/** The UNet against diffusers: outputs, loss and all gradients, in one graph and with each block computed again. */
import { describe, expect, it } from 'vitest';
import { runUnetCase } from '../../golden/unet.js';

const CASE = 'test/fixtures/unet/sd15';

describe.each([{ checkpoint: false }, { checkpoint: true }])('unet/sd15, %o', (options) => {
  it('gives the reference numbers', { timeout: 120_000 }, async () => {
    const checks = await runUnetCase(CASE, options);
    expect(checks.map(({ quantity }) => quantity)).toEqual([
      'out.sample',
      'out.odd_sample',
      'loss',
      expect.stringMatching(/^worst of 686 gradients, grad\./),
      'all gradients, L2',
    ]);
    for (const { quantity, error, tolerance } of checks)
      expect(error, quantity).toBeLessThanOrEqual(tolerance);
  });
});
