/** Telling what files are and who loads them: files of every kind, real ones where there are fixtures. */
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { InputError } from '../../src/errors.js';
import { writeSafetensors, writeTorch } from '../../src/formats/index.js';
import { BY_KIND, BY_TRAIT } from '../../src/interop/applications.js';
import { checkFile, type Loads } from '../../src/interop/index.js';
import { loadNetwork, UNET } from '../../src/models/index.js';
import { exportOfficialSara, saveAdapter } from '../../src/peft/index.js';
import { type Tensor, tensor } from '../../src/tensor/index.js';
import { saraAdapter } from '../support/adapters.js';
import { temporaryFolder } from '../support/temporary.js';

const zeros = (...shape: number[]): Tensor =>
  tensor(shape, new Float32Array(shape.reduce((a, b) => a * b, 1)));

/** Writes tensors of zeros with these shapes. */
async function fileOf(shapes: Readonly<Record<string, readonly number[]>>): Promise<string> {
  const path = join(await temporaryFolder(), 'file.safetensors');
  const tensors = Object.entries(shapes).map(([name, shape]) => [name, zeros(...shape)] as const);
  await writeSafetensors(path, new Map(tensors), { format: 'pt' });
  return path;
}

/** In the order of the table: sara-diffusion, diffusers, PEFT, ComfyUI, sd-scripts, AUTOMATIC1111. */
async function answers(path: string): Promise<[kind: string, ...loads: Loads[]]> {
  const { kind, applications } = await checkFile(path);
  return [kind, ...applications.map(({ loads }) => loads)];
}

const FIXTURES = 'test/fixtures/peft';
const REAL: [path: string, answers: [kind: string, ...Loads[]]][] = [
  ['lora/attention/kohya.safetensors', ['kohya-lora', 'yes', 'yes', 'no', 'yes', 'yes', 'yes']],
  [
    'lora/attention/diffusers/pytorch_lora_weights.safetensors',
    ['diffusers-lora', 'yes', 'yes', 'no', 'no', 'no', 'no'],
  ],
  ['lora/attention/peft/adapter_model.safetensors', ['peft-adapter', 'yes', 'no', 'yes', 'no', 'no', 'no']],
  ['dora/attention/kohya.safetensors', ['kohya-lora', 'yes', 'partly', 'no', 'yes', 'partly', 'partly']],
  [
    'dora/attention/diffusers/pytorch_lora_weights.safetensors',
    ['diffusers-lora', 'yes', 'yes', 'no', 'no', 'no', 'no'],
  ],
  [
    'textual-inversion/learned_embeds.safetensors',
    ['diffusers-embedding', 'yes', 'yes', 'no', 'yes', 'yes', 'yes'],
  ],
  ['textual-inversion/kohya.safetensors', ['kohya-embedding', 'yes', 'partly', 'no', 'yes', 'yes', 'yes']],
];

describe('files of other programs', () => {
  it.each(REAL)('%s', async (path, expected) => {
    expect(await answers(join(FIXTURES, path))).toEqual(expected);
  });

  const query = 'down_blocks.0.attentions.0.transformer_blocks.0.attn1.to_q';
  const kohya = `lora_unet_${query.replaceAll('.', '_')}`;
  const factors = { [`unet.${query}.lora.down.weight`]: [4, 8], [`unet.${query}.lora.up.weight`]: [8, 4] };
  const kohyaFactors = { [`${kohya}.lora_down.weight`]: [4, 8], [`${kohya}.lora_up.weight`]: [8, 4] };
  const text = 'encoder.layers.0.self_attn.q_proj';

  it.each<[string, Record<string, readonly number[]>, [string, ...Loads[]]]>([
    [
      'alpha beside diffusers keys',
      { ...factors, [`unet.${query}.alpha`]: [] },
      ['diffusers-lora', 'yes', 'no', 'no', 'no', 'no', 'no'],
    ],
    [
      'diffusers keys of two kinds, the new one first',
      { ...factors, 'unet.conv_in.lora_A.weight': [4, 4, 3, 3], 'unet.conv_in.lora_B.weight': [8, 4, 1, 1] },
      ['diffusers-lora', 'yes', 'partly', 'no', 'no', 'no', 'no'],
    ],
    [
      'diffusers keys of two kinds, the old one first',
      {
        ...factors,
        'unet.mid_block.resnets.0.conv1.lora_A.weight': [4, 8, 3, 3],
        'unet.mid_block.resnets.0.conv1.lora_B.weight': [8, 4, 1, 1],
      },
      ['diffusers-lora', 'yes', 'yes', 'no', 'no', 'no', 'no'],
    ],
    [
      'a text encoder under text_model.',
      {
        ...factors,
        [`text_encoder.text_model.${text}.lora_linear_layer.down.weight`]: [4, 8],
        [`text_encoder.text_model.${text}.lora_linear_layer.up.weight`]: [8, 4],
      },
      ['diffusers-lora', 'partly', 'no', 'no', 'no', 'no', 'no'],
    ],
    [
      'a text encoder in kohya keys',
      {
        ...kohyaFactors,
        'lora_te_text_model_encoder_layers_0_self_attn_q_proj.lora_down.weight': [4, 8],
        'lora_te_text_model_encoder_layers_0_self_attn_q_proj.lora_up.weight': [8, 4],
      },
      ['kohya-lora', 'partly', 'no', 'no', 'yes', 'yes', 'yes'],
    ],
    [
      'layers outside the blocks',
      {
        ...kohyaFactors,
        'lora_unet_conv_in.lora_down.weight': [4, 4, 3, 3],
        'lora_unet_conv_in.lora_up.weight': [8, 4, 1, 1],
      },
      ['kohya-lora', 'yes', 'yes', 'no', 'yes', 'partly', 'yes'],
    ],
    [
      'a layer without its second factor',
      { [`${kohya}.lora_down.weight`]: [4, 8] },
      ['kohya-lora', 'no', 'no', 'no', 'no', 'no', 'no'],
    ],
    [
      'factors of two ranks',
      { [`${kohya}.lora_down.weight`]: [4, 8], [`${kohya}.lora_up.weight`]: [8, 3] },
      ['kohya-lora', 'no', 'no', 'no', 'no', 'no', 'no'],
    ],
    [
      'LoHa',
      { [`${kohya}.hada_w1_a`]: [8, 4], [`${kohya}.hada_w1_b`]: [4, 8], [`${kohya}.alpha`]: [] },
      ['lycoris', 'no', 'no', 'no', 'yes', 'partly', 'yes'],
    ],
    [
      'diffusers keys of old',
      {
        [`unet.${query.replace('.to_q', '.processor.to_q_lora')}.down.weight`]: [4, 8],
        [`unet.${query.replace('.to_q', '.processor.to_q_lora')}.up.weight`]: [8, 4],
      },
      ['old-diffusers-lora', 'yes', 'yes', 'no', 'yes', 'no', 'no'],
    ],
    [
      'a LoRA of a transformer',
      {
        'transformer.transformer_blocks.0.attn.to_q.lora_A.weight': [4, 8],
        'transformer.transformer_blocks.0.attn.to_q.lora_B.weight': [8, 4],
      },
      ['transformer-lora', 'no', 'yes', 'no', 'yes', 'no', 'no'],
    ],
    [
      'a patch',
      { 'diffusion_model.out.2.diff': [4, 8, 3, 3], 'diffusion_model.out.2.diff_b': [4] },
      ['comfyui-patch', 'no', 'no', 'no', 'yes', 'no', 'no'],
    ],
    [
      'embeddings for SD XL',
      { clip_l: [2, 768], clip_g: [2, 1280] },
      ['sdxl-embedding', 'yes', 'no', 'no', 'yes', 'yes', 'yes'],
    ],
    [
      'the autoencoder of a folder',
      { 'encoder.conv_in.weight': [8, 3, 3, 3], 'decoder.conv_in.weight': [8, 4, 3, 3] },
      ['vae', 'yes', 'yes', 'no', 'yes', 'yes', 'no'],
    ],
    [
      'a text encoder as transformers 5 saves it',
      { 'embeddings.token_embedding.weight': [10, 8] },
      ['text-encoder', 'yes', 'yes', 'no', 'no', 'yes', 'no'],
    ],
    [
      'an inpainting model',
      { 'model.diffusion_model.input_blocks.0.0.weight': [8, 9, 3, 3], 'cond_stage_model.x': [1] },
      ['other-model', 'no', 'unknown', 'no', 'unknown', 'unknown', 'unknown'],
    ],
    [
      'something else',
      { 'bert.embeddings.weight': [2, 2], 'bert.pooler.weight': [2, 2] },
      ['unknown', 'no', 'unknown', 'unknown', 'unknown', 'unknown', 'unknown'],
    ],
  ])('%s', async (_, shapes, expected) => {
    expect(await answers(await fileOf(shapes))).toEqual(expected);
  });

  it('a pickled embedding', async () => {
    const path = join(await temporaryFolder(), 'embedding.pt');
    const param = new Map([['*', zeros(2, 8)]]);
    await writeTorch(
      path,
      new Map<string, string | typeof param>([
        ['string_to_param', param],
        ['name', 'x'],
      ]),
    );
    expect(await answers(path)).toEqual(['pickled-embedding', 'yes', 'yes', 'no', 'yes', 'yes', 'yes']);
  });
});

describe("this program's files", () => {
  it('adapters, official files and the UNet of a folder', async () => {
    const folder = await temporaryFolder();
    const unet = await loadNetwork('test/fixtures/sara/base', 'unet', UNET);
    const [own, official] = [join(folder, 'adapter.safetensors'), join(folder, 'unet.pt')];
    await saveAdapter(own, saraAdapter(unet, 0.005));
    await exportOfficialSara(official, unet, saraAdapter(unet, 0.005));
    expect(await answers(own)).toEqual(['sara-adapter', 'yes', 'no', 'no', 'no', 'no', 'no']);
    expect(await answers(official)).toEqual(['official-sara', 'yes', 'no', 'no', 'no', 'no', 'no']);
    const weights = 'test/fixtures/sara/base/diffusion_pytorch_model.safetensors';
    expect(await answers(weights)).toEqual(['unet', 'yes', 'yes', 'no', 'yes', 'yes', 'no']);
  });
});

describe('damage', () => {
  const none = ['unreadable', 'no', 'no', 'no', 'no', 'no', 'no'];

  it('is told with its cause', async () => {
    const folder = await temporaryFolder();
    const whole = await readFile(`${FIXTURES}/lora/attention/kohya.safetensors`);
    const cases: [string, Uint8Array, RegExp][] = [
      ['cut.safetensors', whole.subarray(0, whole.length - 100), /cut short/],
      ['empty.safetensors', new Uint8Array(0), /it is empty/],
      ['page.safetensors', Buffer.from('<!DOCTYPE html><html></html>'), /web page/],
      ['cut.pt', Buffer.from('PK\x03\x04 nothing more'), /cut\.pt/],
    ];
    for (const [name, bytes, problem] of cases) {
      const path = join(folder, name);
      await writeFile(path, bytes);
      expect(await answers(path), name).toEqual(none);
      expect((await checkFile(path)).problem, name).toMatch(problem);
    }
    await expect(checkFile(join(folder, 'absent.safetensors'))).rejects.toThrow(InputError);
  });
});

it('every reason is a sentence that ends without a full stop', () => {
  const verdicts = [...Object.values(BY_KIND), ...Object.values(BY_TRAIT)].flatMap((row) =>
    Object.values(row),
  );
  expect(verdicts.filter(({ why }) => why.length < 10 || /[.!]$/.test(why))).toEqual([]);
});
