/** The proof of one model: it draws, trains two steps and is exported, and exactly the trained entries have changed. */
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'vitest';
import { encodePng } from '../../src/formats/index.js';
import { Random } from '../../src/tensor/index.js';
import { compareUNets, sameComponent } from './compare.js';
import type { Stages } from './stages.js';

export interface Proof {
  /** A diffusers folder in float16. */
  readonly model: string;
  /** For everything that is made. */
  readonly folder: string;
  /** Side of the pictures that are drawn and trained on. */
  readonly size: number;
  /** About how many entries train. */
  readonly trained: number;
}

/** Of the trained entries, how many have other bits in float16 after two steps: all but those whose gradient is 0. */
const LEAST_CHANGED = 0.95;

/** Gives the exported model's folder. Throws, or fails an expectation, where something is not as it should be. */
export async function prove(stages: Stages, { model, folder, size, trained }: Proof): Promise<string> {
  const draw = (of: string, out: string) => [
    ...['generate', '--model', of, '--prompt', 'a red apple', '--steps', '2', '--size', `${size}`],
    ...['--seed', '1', '--out', out],
  ];
  const [before, after] = [join(folder, 'before.png'), join(folder, 'after.png')];
  await stages.sara('load and sample two steps', ...draw(model, before));

  const [data, run] = [join(folder, 'pictures'), join(folder, 'run')];
  await drawPictures(data, size);
  const config = join(folder, 'run.yaml');
  const settings = { model, data, out: run, size, params: trained, steps: 2, batch: 1, seed: 1 };
  await writeFile(config, JSON.stringify({ ...settings, progressive: 'off' }));
  await stages.sara('train two steps', 'train', '--config', config, '--json');

  const adapter = join(run, 'adapter.safetensors');
  const exported = join(folder, 'exported');
  await stages.sara(
    'export, merged',
    ...['export', '--model', model, '--adapter', adapter, '--format', 'checkpoint', '--out', exported],
  );
  await stages.sara('load the export and sample two steps', ...draw(exported, after));
  expect(await readFile(after)).not.toEqual(await readFile(before));

  const compared = await compareUNets(model, exported, adapter);
  expect(compared).toMatchObject({ strays: 0, wrong: 0 });
  expect(compared.trained / trained).toBeCloseTo(1, 1);
  expect(compared.changed / compared.trained).toBeGreaterThan(LEAST_CHANGED);
  for (const path of ['vae/diffusion_pytorch_model.safetensors', 'text_encoder/model.safetensors'])
    expect(await sameComponent(model, exported, path), path).toBe(true);
  const count = (value: number) => value.toLocaleString('en-US');
  console.log(
    `${count(compared.weights)} weights, ${count(compared.trained)} trained, ${count(compared.changed)} changed in float16; none beside them`,
  );
  return exported;
}

async function drawPictures(folder: string, size: number): Promise<void> {
  await mkdir(folder);
  for (let i = 0; i < 3; i++) {
    const data = Uint8Array.from(new Random(i, 'proof picture').integers(3 * size ** 2, 0, 256));
    await writeFile(join(folder, `${i}.png`), await encodePng({ width: size, height: size, data }));
    await writeFile(join(folder, `${i}.txt`), `picture number ${i}`);
  }
}
