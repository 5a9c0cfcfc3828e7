/** What Stable Diffusion XL has beyond 1 and 2: two text encoders, pooled text, sizes; and folders that mix the two. */
import { cp, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { InputError } from '../../src/errors.js';
import {
  type Conditioning,
  type JsonObject,
  StableDiffusion,
  saveStableDiffusion,
  timeIds,
} from '../../src/models/index.js';
import { tensor } from '../../src/tensor/index.js';
import { temporaryFolder } from '../support/temporary.js';

const SD15 = 'test/fixtures/pipeline/sd15';
const SDXL = 'test/fixtures/pipeline/sdxl';

async function json(...path: string[]): Promise<JsonObject> {
  return JSON.parse(await readFile(join(...path), 'utf8'));
}

async function load(folder = SDXL): Promise<StableDiffusion> {
  const sd = await StableDiffusion.load(folder);
  onTestFinished(() => sd.dispose());
  return sd;
}

/** A copy of a model folder, changed. */
async function changed(source: string, change: (folder: string) => Promise<void>): Promise<string> {
  const folder = await temporaryFolder();
  await cp(source, folder, { recursive: true });
  await change(folder);
  return folder;
}

/** Changes some keys of a JSON file. */
const edit = (file: string, keys: JsonObject) => async (folder: string) => {
  await writeFile(join(folder, file), JSON.stringify({ ...(await json(folder, file)), ...keys }));
};

const replace = (component: string, source: string) => async (folder: string) => {
  await rm(join(folder, component), { recursive: true });
  await cp(join(source, component), join(folder, component), { recursive: true });
};

it('gives each text of a batch what it gives it alone', async () => {
  const sd = await load();
  const all = await sd.encodePrompts(['a fox', 'a red fox']);
  const alone = await sd.encodePrompts(['a red fox']);
  expect(all.encoderHiddenStates.shape).toEqual([2, 77, 12 + 16]);
  expect(all.pooled!.shape).toEqual([2, 10]);
  expect(all.encoderHiddenStates.data.slice(77 * 28)).toEqual(alone.encoderHiddenStates.data);
  expect(all.pooled!.data.slice(10)).toEqual(alone.pooled!.data);
});

it('takes zeros for no prompt unless the model says no, and reads an empty one', async () => {
  const zeros = await (await load()).encodeNoPrompt();
  expect(zeros.encoderHiddenStates).toEqual(tensor([1, 77, 28], new Float32Array(77 * 28)));
  expect(zeros.pooled).toEqual(tensor([1, 10], new Float32Array(10)));
  const folder = await changed(SDXL, edit('model_index.json', { force_zeros_for_empty_prompt: false }));
  const sd = await load(folder);
  const empty = await sd.encodePrompts(['']);
  expect(await sd.encodeNoPrompt()).toEqual(empty);
  expect(empty.pooled!.data.some((value) => value !== 0)).toBe(true);
  const sd15 = await load(SD15);
  expect(await sd15.encodeNoPrompt()).toEqual(await sd15.encodePrompts(['']));
});

it('predicts by the sizes, and refuses to without them', async () => {
  const sd = await load();
  const sample = tensor([1, 4, 8, 8], new Float32Array(256).fill(0.1));
  const predict = (conditioning: Conditioning) =>
    sd.predict(sample, tensor([1], Float32Array.of(500)), conditioning);
  const text = await sd.encodePrompts(['a fox']);
  const whole = await predict({ ...text, timeIds: timeIds({ original: [64, 64], target: [64, 64] }) });
  const crop = timeIds({ original: [64, 96], crop: [0, 16], target: [64, 64] });
  expect([...crop.data]).toEqual([64, 96, 0, 16, 64, 64]);
  expect((await predict({ ...text, timeIds: crop })).data).not.toEqual(whole.data);
  await expect(predict(text)).rejects.toThrow(/needs pooled text and time ids/);
});

it('draws new weights, and writes an index that loads', async () => {
  const configs = {
    unet: await json(SDXL, 'unet/config.json'),
    vae: await json(SDXL, 'vae/config.json'),
    textEncoder: await json(SDXL, 'text_encoder/config.json'),
    textEncoder2: await json(SDXL, 'text_encoder_2/config.json'),
    scheduler: await json(SDXL, 'scheduler/scheduler_config.json'),
    tokenizer: join(SDXL, 'tokenizer'),
    tokenizer2: join(SDXL, 'tokenizer_2'),
  };
  const fresh = await StableDiffusion.initialize(configs, 7);
  const folder = await temporaryFolder();
  await saveStableDiffusion(folder, fresh);
  const { safety_checker, ...index } = await json(folder, 'model_index.json');
  expect(safety_checker).toBeUndefined();
  expect(await json(SDXL, 'model_index.json')).toMatchObject(index);
  const again = await load(folder);
  for (const [i, { network }] of again.textEncoders.entries()) {
    expect(network.parameters).toEqual(fresh.textEncoders[i]!.network.parameters);
  }
  expect([...again.unet.parameters.keys()]).toEqual([...(await load()).unet.parameters.keys()]);
});

it.each<[string, string, (folder: string) => Promise<void>, RegExp]>([
  ['an XL UNet among 1.5', SD15, replace('unet', SDXL), /addition_embed_type text_time; expected null/],
  ['a 1.5 UNet among XL', SDXL, replace('unet', SD15), /addition_embed_type null; expected text_time/],
  [
    'one text encoder only',
    SDXL,
    edit('model_index.json', { text_encoder: [null, null], tokenizer: [null, null] }),
    /has no text_encoder/,
  ],
  [
    'a folder without the second one',
    SDXL,
    (folder) => rm(join(folder, 'text_encoder_2'), { recursive: true }),
    /text_encoder_2.config\.json: it does not exist/,
  ],
  [
    'a first text encoder of another width',
    SDXL,
    replace('text_encoder', SD15),
    /cross_attention_dim 28 but the text encoders hidden_size 16 \+ 16; expected the same/,
  ],
  [
    'a second one without projection',
    SDXL,
    edit('text_encoder_2/config.json', { architectures: ['CLIPTextModel'] }),
    /text_encoder_2 is a CLIPTextModel; expected CLIPTextModelWithProjection/,
  ],
  [
    'sizes that are not six',
    SDXL,
    edit('unet/config.json', { projection_class_embeddings_input_dim: 50 }),
    /projection_class_embeddings_input_dim 50; expected 58/,
  ],
])('refuses %s', async (_, source, change, message) => {
  const attempt = StableDiffusion.load(await changed(source, change));
  await expect(attempt).rejects.toThrow(InputError);
  await expect(attempt).rejects.toThrow(message);
});
