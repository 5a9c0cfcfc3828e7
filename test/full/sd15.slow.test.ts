/**
 * Stable Diffusion 1.5 at its full size, with random weights in float16: draws, trains, is exported and read back. PYTHON
 * names an interpreter with torch, diffusers and transformers for a model that diffusers saved itself.
 */
import { spawnSync } from 'node:child_process';
import { mkdtemp, rm, statfs, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it, onTestFinished, type TestContext, vi } from 'vitest';
import { SD15 } from '../../bench/model-configs.js';
import { memoryLimit } from '../../src/train/memory/limit.js';
import { prove } from './proof.js';
import { Stages } from './stages.js';

vi.setConfig({ testTimeout: 3_600_000 });

const PYTHON = process.env.PYTHON ?? 'python3';
const PROGRAM = 'test/full/model.py';
const SIZE = { size: 256, trained: 50_000_000 };
/** A model, its export, a checkpoint and an adapter. */
const DISK = 8e9;
const MEMORY = 9e9;

const configs = {
  unet: SD15.unet,
  vae: SD15.vae,
  textEncoder: SD15.textEncoder,
  scheduler: SD15.scheduler,
  tokenizer: 'models/clip-tokenizer',
};

async function roomyFolder(context: TestContext): Promise<string> {
  const { bavail, bsize } = await statfs(tmpdir());
  const gigabytes = (bytes: number) => `${(bytes / 1e9).toFixed(0)} GB`;
  if (bavail * bsize < DISK)
    context.skip(
      `${tmpdir()} has ${gigabytes(bavail * bsize)} left, this takes ${gigabytes(DISK)}; set TMPDIR`,
    );
  if (memoryLimit() < MEMORY) context.skip(`this takes ${gigabytes(MEMORY)} of memory`);
  const folder = await mkdtemp(join(tmpdir(), 'sara-full-'));
  onTestFinished(() => rm(folder, { recursive: true }));
  return folder;
}

it('a model that we wrote', async (context) => {
  const folder = await roomyFolder(context);
  const stages = new Stages(folder);
  const model = join(folder, 'model');
  const write = ['--import', 'tsx', 'test/full/write-model.ts'];
  try {
    await stages.node('write the model', ...write, model, JSON.stringify(configs));
    await prove(stages, { model, folder, ...SIZE });
  } finally {
    console.log(stages.table());
  }
});

it('a model that diffusers saved', async (context) => {
  const { status } = spawnSync(PYTHON, ['-c', 'import torch, diffusers, transformers']);
  if (status !== 0)
    context.skip(`${PYTHON} has not all of torch, diffusers and transformers; name another with PYTHON`);
  const folder = await roomyFolder(context);
  const stages = new Stages(folder);
  const model = join(folder, 'model');
  const asked = join(folder, 'configs.json');
  await writeFile(asked, JSON.stringify(configs));
  try {
    await stages.python(
      'diffusers saves the model',
      PYTHON,
      PROGRAM,
      'save',
      model,
      asked,
      configs.tokenizer,
    );
    const exported = await prove(stages, { model, folder, ...SIZE });
    const found = await stages.python<{ changed: number }>(
      'diffusers loads the export',
      PYTHON,
      ...[PROGRAM, 'compare', model, exported],
    );
    expect(found.changed / SIZE.trained).toBeCloseTo(1, 1);
  } finally {
    console.log(stages.table());
  }
});
