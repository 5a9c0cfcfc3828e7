/** The compiled kernels are those of the sources. */
import { expect, test } from 'vitest';
import { compileKernels } from '../../scripts/compile-kernels.js';
import { KERNELS } from '../../src/kernels/wasm.js';

test('src/kernels/wasm.ts is what `npm run kernels` makes of src/kernels/assembly', async () => {
  expect((await compileKernels()).includes(`'${KERNELS}'`)).toBe(true);
});
