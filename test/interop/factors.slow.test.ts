/** diffusers and PEFT compute with our LoRA and DoRA files what their weights come to, where PYTHON names an interpreter that has them. */
import { spawnSync } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it, vi } from 'vitest';
import { writeSafetensors } from '../../src/formats/index.js';
import { saveLora } from '../../src/interop/index.js';
import { loadUNet } from '../../src/models/index.js';
import { AdaptedWeights, networkSource } from '../../src/peft/index.js';
import type { Tensor } from '../../src/tensor/index.js';
import { drawnLora } from '../support/adapters.js';
import { temporaryFolder } from '../support/temporary.js';
import { writeTinyModel } from '../support/tiny-model.js';

vi.setConfig({ testTimeout: 600_000 });

const PYTHON = process.env.PYTHON ?? 'python3';
const python = (...args: string[]) => spawnSync(PYTHON, args, { encoding: 'utf8' });

it.for(['lora', 'dora'] as const)('%s gives the same output', async (method, context) => {
  const { status } = python('-c', 'import torch, diffusers, peft');
  if (status !== 0) context.skip(`${PYTHON} has not all of torch, diffusers, peft; name another with PYTHON`);
  const folder = await temporaryFolder();
  const model = join(folder, 'model');
  await writeTinyModel(model);
  const unet = await loadUNet(model);
  const adapter = drawnLora(method, await loadUNet(model));
  const weights = await AdaptedWeights.open(networkSource(unet), [{ adapter }]);
  const expected = join(folder, 'expected.safetensors');
  const merged = new Map<string, Tensor>();
  for (const key of unet.parameters.keys()) merged.set(key, await weights.weight(key));
  await writeSafetensors(expected, merged);
  const layers = (await weights.factors())!.map(({ a, b, ...rest }) => ({ ...rest, down: a, up: b }));
  const files = [join(folder, 'diffusers.safetensors'), join(folder, 'peft')];
  await saveLora(files[0]!, { layers }, unet, 'diffusers');
  await saveLora(files[1]!, { layers }, unet, 'peft');
  const tasks = join(folder, 'tasks.json');
  await writeFile(tasks, JSON.stringify({ model, files: files.map((file) => [file, expected]) }));
  const run = python('test/python/load_factors.py', tasks);
  expect(run.status, run.stderr).toBe(0);
  const results = JSON.parse(run.stdout.trim().split('\n').at(-1)!) as [number, number][];
  for (const [change, difference] of results) {
    expect(change).toBeGreaterThan(1e-2);
    expect(difference).toBeLessThan(1e-4);
  }
});
