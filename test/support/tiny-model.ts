/** A Stable Diffusion model small enough to train within a test, and pictures for it. */
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { encodePng } from '../../src/formats/index.js';
import {
  type JsonObject,
  type SaveDType,
  StableDiffusion,
  saveStableDiffusion,
} from '../../src/models/index.js';
import { Random } from '../../src/tensor/index.js';

const SOURCE = 'test/fixtures/pipeline/sd15';

/** The side of the model's pictures, in pixels. */
export const TINY_SIZE = 32;

/** A new model: the fixture's, with a UNet of two levels and one layer each. */
async function initialize(seed: number): Promise<StableDiffusion> {
  const json = async (path: string) => JSON.parse(await readFile(join(SOURCE, path), 'utf8')) as JsonObject;
  const unet = {
    ...(await json('unet/config.json')),
    block_out_channels: [8, 8],
    down_block_types: ['CrossAttnDownBlock2D', 'DownBlock2D'],
    up_block_types: ['UpBlock2D', 'CrossAttnUpBlock2D'],
    layers_per_block: 1,
    sample_size: TINY_SIZE / 8,
  };
  const configs = {
    unet,
    vae: await json('vae/config.json'),
    textEncoder: await json('text_encoder/config.json'),
    scheduler: await json('scheduler/scheduler_config.json'),
    tokenizer: join(SOURCE, 'tokenizer'),
  };
  return StableDiffusion.initialize(configs, seed, { threads: 1 });
}

/** The model in memory, freed when the test ends. */
export async function tinyModel(seed = 1): Promise<StableDiffusion> {
  const sd = await initialize(seed);
  onTestFinished(() => sd.dispose());
  return sd;
}

/** Writes the model as a folder. */
export async function writeTinyModel(folder: string, seed = 1, dtype: SaveDType = 'float32'): Promise<void> {
  await saveStableDiffusion(folder, await initialize(seed), { dtype });
}

/** Writes pictures, named 0.png, 1.png, …, with captions beside them. */
export async function drawPictures(folder: string, count: number): Promise<void> {
  await mkdir(folder, { recursive: true });
  for (let i = 0; i < count; i++) {
    const data = Uint8Array.from(new Random(i, 'test picture').integers(3 * TINY_SIZE ** 2, 0, 256));
    await writeFile(join(folder, `${i}.png`), await encodePng({ width: TINY_SIZE, height: TINY_SIZE, data }));
    await writeFile(join(folder, `${i}.txt`), `picture number ${i}`);
  }
}
