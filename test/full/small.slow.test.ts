/** The proof of test/full at a size that takes seconds, so that it works when the full size is asked for. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it, vi } from 'vitest';
import { SIZES } from '../../bench/sizes.js';
import { temporaryFolder } from '../support/temporary.js';
import { prove } from './proof.js';
import { Stages } from './stages.js';

vi.setConfig({ testTimeout: 120_000 });

it('proves a tiny model of our own', async () => {
  const folder = await temporaryFolder();
  const model = join(folder, 'model');
  const { unet, vae, textEncoder, scheduler } = SIZES.tiny;
  const configs = { unet, vae, textEncoder, scheduler, tokenizer: 'models/clip-tokenizer' };
  const stages = new Stages(folder);
  await stages.node('write', '--import', 'tsx', 'test/full/write-model.ts', model, JSON.stringify(configs));
  const exported = await prove(stages, { model, folder, size: 128, trained: 50_000 });
  expect(await readFile(join(exported, 'model_index.json'), 'utf8')).toContain('StableDiffusionPipeline');
  expect(stages.table()).toMatch(/train two steps +\d+\.\d s +\d\.\d\d GB\n/);
});
