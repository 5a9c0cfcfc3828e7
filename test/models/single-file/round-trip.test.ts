/** Folders to single files and back: every tensor bit for bit, and all that a single file has no place for. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import {
  readSafetensors,
  type WritableTorchValue,
  writeSafetensors,
  writeTorch,
} from '../../../src/formats/index.js';
import { openModel, StableDiffusion, writeModel } from '../../../src/models/index.js';
import { type Tensor, tensor, tensorOf } from '../../../src/tensor/index.js';
import { temporaryFolder } from '../../support/temporary.js';

const FOLDERS = ['sd15', 'sd2-v', 'sdxl'].map((name) => `test/fixtures/pipeline/${name}`);
const WEIGHTS = {
  unet: 'diffusion_pytorch_model',
  vae: 'diffusion_pytorch_model',
  text_encoder: 'model',
  text_encoder_2: 'model',
};

async function convert(
  from: string,
  to: string,
  options: Parameters<typeof writeModel>[2] = {},
): Promise<string> {
  const model = await openModel(from);
  await writeModel(to, model, options).finally(() => model.close());
  return to;
}

/** A network's tensors under the published names: transformers 5 leaves out the beginning of a text encoder's. */
async function weights(folder: string, name: keyof typeof WEIGHTS): Promise<Map<string, Tensor>> {
  const { tensors } = await readSafetensors(join(folder, name, `${WEIGHTS[name]}.safetensors`));
  return new Map(
    [...tensors].map(([key, value]) => [key.replace(/^text_model\./, ''), value]).sort() as never,
  );
}

const names = (folder: string) =>
  (Object.keys(WEIGHTS) as (keyof typeof WEIGHTS)[]).filter(
    (name) => name !== 'text_encoder_2' || folder.endsWith('xl'),
  );
const json = async (folder: string, path: string) => JSON.parse(await readFile(join(folder, path), 'utf8'));

describe.each(FOLDERS)('%s', (folder) => {
  test('comes back from a single file bit for bit, configurations and tokenizers included', async () => {
    const temporary = await temporaryFolder();
    const file = await convert(folder, join(temporary, 'model.safetensors'));
    const back = await convert(file, join(temporary, 'model'));
    for (const name of names(folder)) {
      expect(await weights(back, name)).toEqual(await weights(folder, name));
      expect(await json(back, `${name}/config.json`)).toEqual(await json(folder, `${name}/config.json`));
      const tokenizer = name.replace('text_encoder', 'tokenizer');
      if (tokenizer === name) continue;
      expect(await readFile(join(back, tokenizer, 'vocab.json'))).toEqual(
        await readFile(join(folder, tokenizer, 'vocab.json')),
      );
    }
    const scheduler = 'scheduler/scheduler_config.json';
    expect(await json(back, scheduler)).toEqual(await json(folder, scheduler));
    expect(await json(back, 'model_index.json')).toEqual(await json(folder, 'model_index.json'));
  });

  test('comes back bit for bit where another program left nothing but the tensors', async () => {
    const temporary = await temporaryFolder();
    const { tensors } = await readSafetensors(await convert(folder, join(temporary, 'ours.safetensors')));
    const file = join(temporary, 'bare.safetensors');
    await writeSafetensors(file, tensors);
    const back = await convert(file, join(temporary, 'model'));
    for (const name of names(folder)) {
      expect(await weights(back, name)).toEqual(await weights(folder, name));
      const { norm_num_groups, attention_head_dim, num_attention_heads } = await json(
        back,
        `${name}/config.json`,
      );
      // Only these are guesses, and not good ones for widths of 8.
      expect(await json(back, `${name}/config.json`)).toMatchObject({
        ...shapeOf(await json(folder, `${name}/config.json`)),
        ...JSON.parse(JSON.stringify({ norm_num_groups, attention_head_dim, num_attention_heads })),
      });
    }
  });

  test('loads as a single file with the weights of the folder', async () => {
    const file = await convert(folder, join(await temporaryFolder(), 'model.safetensors'));
    const [loaded, expected] = [await StableDiffusion.load(file), await StableDiffusion.load(folder)];
    expect(loaded.unet.parameters).toEqual(expected.unet.parameters);
    expect(loaded.vae.parameters).toEqual(expected.vae.parameters);
    expect(loaded.schedulerConfig).toEqual(expected.schedulerConfig);
    expect(loaded.textEncoders.map(({ tokenizer }) => tokenizer.encode('a fox!'))).toEqual(
      expected.textEncoders.map(({ tokenizer }) => tokenizer.encode('a fox!')),
    );
  });
});

/** What of a config.json shapes tell. */
function shapeOf(config: Record<string, unknown>): Record<string, unknown> {
  const told = [
    'block_out_channels',
    'cross_attention_dim',
    'down_block_types',
    'up_block_types',
    'transformer_layers_per_block',
    'use_linear_projection',
    'addition_time_embed_dim',
    'projection_class_embeddings_input_dim',
    'hidden_size',
    'num_hidden_layers',
    'vocab_size',
    'latent_channels',
  ];
  return Object.fromEntries(Object.entries(config).filter(([key]) => told.includes(key)));
}

test('weights change their precision where asked for, and keep it tensor by tensor where not', async () => {
  const temporary = await temporaryFolder();
  const half = await convert(FOLDERS[0]!, join(temporary, 'half.safetensors'), { dtype: 'float16' });
  const { tensors, metadata } = await readSafetensors(half);
  expect(new Set([...tensors.values()].map(({ dtype }) => dtype))).toEqual(new Set(['float16']));
  const key = 'model.diffusion_model.out.0.bias';
  tensors.set(key, tensor([8], new Float32Array(8).fill(1 / 3)));
  const mixed = join(temporary, 'mixed.safetensors');
  await writeSafetensors(mixed, tensors, metadata);
  const unet = await weights(await convert(mixed, join(temporary, 'mixed')), 'unet');
  expect(unet.get('conv_norm_out.bias')).toEqual(tensors.get(key));
  expect(unet.get('conv_in.weight')!.dtype).toBe('float16');
  const brain = await convert(mixed, join(temporary, 'brain'), { dtype: 'bfloat16' });
  expect((await weights(brain, 'unet')).get('conv_norm_out.bias')!.dtype).toBe('bfloat16');
});

describe('what a UNet predicts', () => {
  const predicted = async (file: string, predictionType?: 'epsilon' | 'v_prediction') => {
    const model = await openModel(file, { predictionType });
    await model.close();
    const { prediction_type, rescale_betas_zero_snr, _class_name } = model.scheduler;
    return [_class_name, prediction_type, rescale_betas_zero_snr ?? false, model.conclusions.length];
  };
  const bare = async (folder: string, change: (tensors: Map<string, Tensor>) => void, metadata = {}) => {
    const temporary = await temporaryFolder();
    const { tensors } = await readSafetensors(await convert(folder, join(temporary, 'ours.safetensors')));
    change(tensors);
    await writeSafetensors(join(temporary, 'bare.safetensors'), tensors, metadata);
    return join(temporary, 'bare.safetensors');
  };
  const EMPTY = tensorOf('float32', [0], new Float32Array(0));
  const [sd1, sd2, sdxl] = FOLDERS as [string, string, string];

  test('is the noise in Stable Diffusion 1 and XL, unless marked or asked otherwise', async () => {
    expect(await predicted(await bare(sd1, () => {}))).toEqual(['PNDMScheduler', 'epsilon', false, 0]);
    const plain = await bare(sdxl, () => {});
    expect(await predicted(plain)).toEqual(['EulerDiscreteScheduler', 'epsilon', false, 0]);
    expect(await predicted(plain, 'v_prediction')).toEqual([
      'EulerDiscreteScheduler',
      'v_prediction',
      false,
      0,
    ]);
    const marked = await bare(sdxl, (tensors) => tensors.set('v_pred', EMPTY));
    expect(await predicted(marked)).toEqual(['EulerDiscreteScheduler', 'v_prediction', false, 0]);
    const zero = await bare(sdxl, (tensors) => tensors.set('v_pred', EMPTY).set('ztsnr', EMPTY));
    expect(await predicted(zero)).toEqual(['EulerDiscreteScheduler', 'v_prediction', true, 0]);
  });

  test('is guessed for Stable Diffusion 2 as ComfyUI does, and said so', async () => {
    const key = 'model.diffusion_model.output_blocks.11.1.transformer_blocks.0.norm1.bias';
    const spread = (value: number) => (tensors: Map<string, Tensor>) =>
      tensors.set(
        key,
        tensor(
          [8],
          Float32Array.from({ length: 8 }, (_, i) => (i % 2 ? value : -value)),
        ),
      );
    const velocity = await bare(sd2, spread(0.1));
    expect(await predicted(velocity)).toEqual(['DDIMScheduler', 'v_prediction', false, 1]);
    expect(await predicted(velocity, 'epsilon')).toEqual(['PNDMScheduler', 'epsilon', false, 0]);
    expect(await predicted(await bare(sd2, spread(0.08)))).toEqual(['PNDMScheduler', 'epsilon', false, 1]);
    const stated = await bare(sd2, spread(0.08), { 'modelspec.prediction_type': 'v' });
    expect(await predicted(stated)).toEqual(['DDIMScheduler', 'v_prediction', false, 0]);
    const steps = await bare(sd2, spread(0.1), { global_step: '875000' });
    expect(await predicted(steps)).toEqual(['PNDMScheduler', 'epsilon', false, 1]);
  });

  test('is marked for ComfyUI in files of Stable Diffusion XL', async () => {
    const model = await openModel(sdxl);
    const scheduler = { ...model.scheduler, prediction_type: 'v_prediction', rescale_betas_zero_snr: true };
    const file = join(await temporaryFolder(), 'v.safetensors');
    await writeModel(file, { ...model, scheduler }).finally(() => model.close());
    const { tensors } = await readSafetensors(file);
    expect([tensors.get('v_pred')?.shape, tensors.get('ztsnr')?.shape]).toEqual([[0], [0]]);
    expect(await predicted(file)).toEqual(['EulerDiscreteScheduler', 'v_prediction', true, 0]);
  });
});

test('a .ckpt file is read as the .safetensors file of the same tensors', async () => {
  const temporary = await temporaryFolder();
  const { tensors } = await readSafetensors(await convert(FOLDERS[0]!, join(temporary, 'ours.safetensors')));
  const pickled = new Map<string, WritableTorchValue>([
    ['global_step', 470000],
    ['state_dict', tensors],
  ]);
  await writeTorch(join(temporary, 'model.ckpt'), pickled);
  const back = await convert(join(temporary, 'model.ckpt'), join(temporary, 'model'));
  for (const name of names(FOLDERS[0]!)) {
    expect(await weights(back, name)).toEqual(await weights(FOLDERS[0]!, name));
  }
});

test('old files of Stable Diffusion 1, without text_model in their keys, are read', async () => {
  const temporary = await temporaryFolder();
  const { tensors } = await readSafetensors(await convert(FOLDERS[0]!, join(temporary, 'ours.safetensors')));
  const old = [...tensors].map(([key, value]) => [key.replace('.text_model.', '.'), value] as const);
  await writeSafetensors(join(temporary, 'old.safetensors'), new Map(old));
  const back = await convert(join(temporary, 'old.safetensors'), join(temporary, 'model'));
  expect(await weights(back, 'text_encoder')).toEqual(await weights(FOLDERS[0]!, 'text_encoder'));
});

test('published files of Stable Diffusion 2 end a layer later, and files of XL have a scale of logits', async () => {
  const temporary = await temporaryFolder();
  const { tensors } = await readSafetensors(await convert(FOLDERS[2]!, join(temporary, 'xl.safetensors')));
  tensors.set('conditioner.embedders.1.model.logit_scale', tensor([], Float32Array.of(4.6)));
  tensors.set('conditioner.embedders.0.transformer.text_model.embeddings.position_ids', {
    dtype: 'int64',
    shape: [1, 77],
    data: BigInt64Array.from({ length: 77 }, (_, i) => BigInt(i)),
  });
  tensors.set('model_ema.decay', tensor([], Float32Array.of(0.9999)));
  await writeSafetensors(join(temporary, 'published.safetensors'), tensors);
  const back = await convert(join(temporary, 'published.safetensors'), join(temporary, 'model'));
  expect((await weights(back, 'text_encoder')).get('embeddings.position_ids')!.dtype).toBe('int64');
  expect((await weights(back, 'text_encoder_2')).has('logit_scale')).toBe(false);
});

describe('writing refuses', () => {
  test('a place that is taken, and pickles', async () => {
    const temporary = await temporaryFolder();
    await expect(convert(FOLDERS[0]!, temporary)).rejects.toThrow(/exists already/);
    await expect(convert(FOLDERS[0]!, join(temporary, 'a.ckpt'))).rejects.toThrow(
      /\.ckpt files are not written/,
    );
  });

  test('weights that do not fit their configuration, leaving nothing behind', async () => {
    const temporary = await temporaryFolder();
    const model = await openModel(FOLDERS[0]!);
    const networks = new Map(model.networks);
    const vae = networks.get('vae')!;
    const tensors = new Map([...vae.weights.tensors].slice(1));
    networks.set('vae', { ...vae, weights: { ...vae.weights, tensors } });
    for (const name of ['a.safetensors', 'a']) {
      await expect(writeModel(join(temporary, name), { ...model, networks })).rejects.toThrow(
        /needs the weight ".*" .*, which the checkpoint lacks/,
      );
    }
    await model.close();
    await expect(readFile(join(temporary, 'a.safetensors'))).rejects.toThrow(/ENOENT/);
    await expect(readFile(join(temporary, 'a', 'model_index.json'))).rejects.toThrow(/ENOENT/);
  });
});
