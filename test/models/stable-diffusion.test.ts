/** A whole model folder: loading, running, saving, and folders that do not fit together. */
import { cp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { InputError } from '../../src/errors.js';
import { readSafetensors } from '../../src/formats/index.js';
import {
  type JsonObject,
  momentsToGaussian,
  StableDiffusion,
  saveStableDiffusion,
} from '../../src/models/index.js';
import { Random, tensor } from '../../src/tensor/index.js';
import { expectAllclose } from '../support/allclose.js';
import { temporaryFolder } from '../support/temporary.js';

const SD15 = 'test/fixtures/pipeline/sd15';
const SD2 = 'test/fixtures/pipeline/sd2-v';
const SDXL = 'test/fixtures/pipeline/sdxl';

async function load(folder: string): Promise<StableDiffusion> {
  const sd = await StableDiffusion.load(folder);
  onTestFinished(() => sd.dispose());
  return sd;
}

async function json(...path: string[]): Promise<JsonObject> {
  return JSON.parse(await readFile(join(...path), 'utf8'));
}

/** A copy of the model with some keys of one JSON file changed. */
async function changed(file: string, change: JsonObject): Promise<string> {
  const folder = await temporaryFolder();
  await cp(SD15, folder, { recursive: true });
  await writeFile(join(folder, file), JSON.stringify({ ...(await json(folder, file)), ...change }));
  return folder;
}

describe('StableDiffusion', () => {
  it('encodes pictures to scaled means, or to samples with given noise', async () => {
    const sd = await load(SD15);
    const pictures = tensor([2, 3, 16, 24], new Random(1, 'pictures').uniform(2 * 3 * 16 * 24));
    const { mean, std } = momentsToGaussian(await sd.encodeMoments(pictures));
    expect(mean.shape).toEqual([2, 4, 2, 3]);
    const means = await sd.encodeImages(pictures);
    expectAllclose(
      means.data,
      mean.data.map((value) => value * 0.18215),
    );
    const noise = tensor(mean.shape, new Random(1, 'noise').normal(mean.data.length));
    const samples = await sd.encodeImages(pictures, noise);
    expectAllclose(
      samples.data,
      mean.data.map((value, i) => (value + std.data[i]! * noise.data[i]!) * 0.18215),
    );
  });

  it('gives each element of a batch what it gives it alone', async () => {
    const sd = await load(SD15);
    const { encoderHiddenStates: all } = await sd.encodePrompts(['a fox', 'a red fox']);
    const { encoderHiddenStates: alone } = await sd.encodePrompts(['a red fox']);
    expect(all.shape).toEqual([2, 77, 16]);
    expect(all.data.slice(77 * 16)).toEqual(alone.data);
  });

  it('can be used again after its sessions were freed', async () => {
    const sd = await load(SD15);
    const before = await sd.encodePrompts(['a fox']);
    await sd.dispose();
    expect(await sd.encodePrompts(['a fox'])).toEqual(before);
  });

  it('draws new weights that a checkpoint of the same configuration would have', async () => {
    const configs = {
      unet: await json(SD2, 'unet/config.json'),
      vae: await json(SD2, 'vae/config.json'),
      textEncoder: await json(SD2, 'text_encoder/config.json'),
      scheduler: await json(SD2, 'scheduler/scheduler_config.json'),
      tokenizer: join(SD2, 'tokenizer'),
    };
    const fresh = await StableDiffusion.initialize(configs, 7);
    const trained = await load(SD2);
    for (const name of ['unet', 'vae', 'textEncoder'] as const) {
      const shapes = (sd: StableDiffusion) =>
        [...sd[name].parameters].map(([key, { shape }]) => [key, shape]);
      expect(shapes(fresh)).toEqual(shapes(trained));
    }
    expect((await StableDiffusion.initialize(configs, 7)).unet.parameters).toEqual(fresh.unet.parameters);
    expect((await StableDiffusion.initialize(configs, 8)).unet.parameters).not.toEqual(fresh.unet.parameters);
  });
});

describe('saveStableDiffusion', () => {
  it.each([SD15, SD2, SDXL])('writes what it read: %s', async (source) => {
    const folder = await temporaryFolder();
    const sd = await load(source);
    await saveStableDiffusion(folder, sd);
    const entries = await readdir(source, { withFileTypes: true });
    const components = entries.filter((entry) => entry.isDirectory()).map(({ name }) => name);
    for (const component of components) {
      const files = await readdir(join(source, component));
      expect(await readdir(join(folder, component))).toEqual(files);
      for (const file of files) {
        if (file.endsWith('.safetensors')) {
          const { tensors } = await readSafetensors(join(source, component, file));
          // transformers fills it in; recent versions no longer write it.
          tensors.delete('text_model.embeddings.position_ids');
          expect((await readSafetensors(join(folder, component, file))).tensors).toEqual(tensors);
        } else if (file.endsWith('.json')) {
          expect(await json(folder, component, file)).toEqual(await json(source, component, file));
        }
      }
    }
    expect(await json(folder, 'model_index.json')).toEqual(await json(source, 'model_index.json'));
  });

  it('keeps infinities of the scheduler and leaves the safety checker out', async () => {
    const source = await changed('model_index.json', {
      safety_checker: ['stable_diffusion', 'StableDiffusionSafetyChecker'],
      feature_extractor: ['transformers', 'CLIPImageProcessor'],
    });
    const scheduler = join('scheduler', 'scheduler_config.json');
    await writeFile(
      join(source, scheduler),
      '{"_class_name": "X", "a": -Infinity, "b": "Infinity", "c": 1e-05}',
    );
    const folder = await temporaryFolder();
    const sd = await load(source);
    expect(sd.schedulerConfig).toEqual({
      _class_name: 'X',
      a: Number.NEGATIVE_INFINITY,
      b: 'Infinity',
      c: 1e-5,
    });
    await saveStableDiffusion(folder, sd);
    expect(await readFile(join(folder, scheduler), 'utf8')).toMatch(/"a": -Infinity,\n +"b": "Infinity"/);
    expect((await load(folder)).schedulerConfig).toEqual(sd.schedulerConfig);
    expect(await json(folder, 'model_index.json')).toMatchObject({
      safety_checker: [null, null],
      feature_extractor: [null, null],
      scheduler: ['diffusers', 'X'],
    });
  });

  it('halves the size in float16, and can be read back', async () => {
    const folder = await temporaryFolder();
    const sd = await load(SD15);
    await saveStableDiffusion(folder, sd, { dtype: 'float16' });
    const half = await load(folder);
    const key = 'conv_in.weight';
    // 11 bits of mantissa; smaller weights are subnormal.
    const tolerance = { rtol: 2 ** -11, atol: 2 ** -25 };
    expectAllclose(half.unet.parameters.get(key)!.data, sd.unet.parameters.get(key)!.data, tolerance);
  });
});

describe('StableDiffusion.load refuses', () => {
  it.each([
    [
      'another pipeline',
      'model_index.json',
      { _class_name: 'StableDiffusion3Pipeline' },
      /StableDiffusion3Pipeline; expected/,
    ],
    [
      'another text encoder',
      'model_index.json',
      { text_encoder: ['transformers', 'T5EncoderModel'] },
      /T5EncoderModel/,
    ],
    ['an absent component', 'model_index.json', { vae: [null, null] }, /has no vae/],
    ['a UNet for wider texts', 'text_encoder/config.json', { vocab_size: 100 }, /\[100,16\]/],
    [
      'a tokenizer for longer texts',
      'tokenizer/tokenizer_config.json',
      { model_max_length: 99 },
      /model_max_length 99.*77/,
    ],
  ])('%s', async (_, file, change, message) => {
    const attempt = StableDiffusion.load(await changed(file, change));
    await expect(attempt).rejects.toThrow(InputError);
    await expect(attempt).rejects.toThrow(message);
  });

  it('parts of different models', async () => {
    const folder = await temporaryFolder();
    await cp(SD15, folder, { recursive: true });
    await rm(join(folder, 'vae'), { recursive: true });
    await cp('test/fixtures/vae/sd3', join(folder, 'vae'), { recursive: true });
    await expect(StableDiffusion.load(folder)).rejects.toThrow(/in_channels 4 .*latent_channels, 16/);
  });

  it('a folder that is none', async () => {
    await expect(StableDiffusion.load('test/fixtures')).rejects.toThrow(
      /model_index.json: it does not exist/,
    );
  });
});
