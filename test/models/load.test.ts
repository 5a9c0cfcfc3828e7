/** Reading and writing a network's folder: every form weights come in, and every way a folder can be wrong. */
import { cp, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { InputError } from '../../src/errors.js';
import { readSafetensors, writeSafetensors, writeTorch } from '../../src/formats/index.js';
import { CLIP_TEXT, loadNetwork, saveNetwork, VAE } from '../../src/models/index.js';
import { openWeights } from '../../src/models/weights.js';
import {
  float32ToBfloat,
  float32ToHalf,
  halfToFloat32,
  type Tensor,
  tensor,
  tensorOf,
} from '../../src/tensor/index.js';
import { expectAllclose } from '../support/allclose.js';
import { temporaryFolder } from '../support/temporary.js';

const VAE_FOLDER = 'test/fixtures/vae/sd15';
const NAME = 'diffusion_pytorch_model';
const KEY = 'decoder.conv_in.weight';

async function copyOfVae(): Promise<{ folder: string; file: string; tensors: Map<string, Tensor> }> {
  const folder = await temporaryFolder();
  const file = join(folder, `${NAME}.safetensors`);
  await cp(join(VAE_FOLDER, 'config.json'), join(folder, 'config.json'));
  await cp(join(VAE_FOLDER, `${NAME}.safetensors`), file);
  return { folder, file, tensors: (await readSafetensors(file)).tensors };
}

const load = (folder: string) => loadNetwork(folder, 'vae', VAE);

async function refusal(folder: string): Promise<string> {
  const error = await load(folder).then(
    () => expect.fail('expected an InputError'),
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(InputError);
  return (error as Error).message;
}

describe('loadNetwork', () => {
  it('gives every weight of the file, in the order of the network', async () => {
    const { folder, tensors } = await copyOfVae();
    const { parameters } = await load(folder);
    expect([...parameters.keys()].slice(0, 2)).toEqual(['encoder.conv_in.weight', 'encoder.conv_in.bias']);
    expect(new Map([...parameters].sort())).toEqual(new Map([...tensors].sort()));
  });

  it('takes the fp16 file where there is no other, exactly', async () => {
    const { folder, file, tensors } = await copyOfVae();
    await rm(file);
    await writeSafetensors(join(folder, `${NAME}.fp16.safetensors`), converted(tensors, 'float16'));
    const { parameters } = await load(folder);
    const expected = halfToFloat32(float32ToHalf(tensors.get(KEY)!.data as Float32Array));
    expectAllclose(parameters.get(KEY)!.data, expected, { rtol: 0, atol: 0 });
  });

  it('takes full precision where there are variants too, unless one is asked for', async () => {
    const { folder, tensors } = await copyOfVae();
    await writeSafetensors(join(folder, `${NAME}.fp16.safetensors`), converted(tensors, 'float16'));
    const dtypeOf = async (variant?: string) => {
      const weights = await openWeights(folder, NAME, variant);
      await weights.close();
      return weights.tensors.get(KEY)!.dtype;
    };
    expect([await dtypeOf(), await dtypeOf('fp16'), await dtypeOf('bf16')]).toEqual([
      'float32',
      'float16',
      'float32',
    ]);
  });

  it('reads a pickle of tensors where there is no safetensors file', async () => {
    const { folder, file, tensors } = await copyOfVae();
    await writeTorch(join(folder, `${NAME}.bin`), tensors);
    const expected = (await load(folder)).parameters;
    await rm(file);
    expect((await load(folder)).parameters).toEqual(expected);
  });

  it('reads bfloat16', async () => {
    const { folder, file, tensors } = await copyOfVae();
    await writeSafetensors(file, converted(tensors, 'bfloat16'));
    const { parameters } = await load(folder);
    expect(parameters.get(KEY)!.dtype).toBe('float32');
    // 8 bits of mantissa.
    expectAllclose(parameters.get(KEY)!.data, tensors.get(KEY)!.data as Float32Array, { rtol: 2 ** -8 });
  });

  it.each(['', '.fp16'])('reads shards by their index%s', async (variant) => {
    const { folder, file, tensors } = await copyOfVae();
    await rm(file);
    const entries = [...tensors];
    const shards = [entries.slice(0, 50), entries.slice(50)];
    const weight_map: Record<string, string> = {};
    for (const [i, shard] of shards.entries()) {
      const name = `${NAME}${variant}-0000${i + 1}-of-00002.safetensors`;
      await writeSafetensors(join(folder, name), new Map(shard));
      for (const [key] of shard) weight_map[key] = name;
    }
    const index = join(folder, `${NAME}.safetensors.index${variant}.json`);
    await writeFile(index, JSON.stringify({ metadata: {}, weight_map }));
    expect((await load(folder)).parameters).toEqual((await load(VAE_FOLDER)).parameters);
    await writeFile(index, JSON.stringify({ weight_map: { [KEY]: '../elsewhere.safetensors' } }));
    expect(await refusal(folder)).toMatch(/weight_map.*a file name without a folder/);
  });

  it('reads both naming schemes of CLIP and passes over position ids', async () => {
    const published = await loadNetwork(
      'test/fixtures/pipeline/sd2-v/text_encoder',
      'text_encoder',
      CLIP_TEXT,
    );
    expect(published.parameters.has('text_model.final_layer_norm.weight')).toBe(true);
    expect([...published.parameters.keys()].some((key) => key.includes('position_ids'))).toBe(false);
    const recent = await loadNetwork('test/fixtures/pipeline/sd15/text_encoder', 'text_encoder', CLIP_TEXT);
    expect(recent.parameters.has('final_layer_norm.weight')).toBe(true);
  });
});

describe('loadNetwork refuses', () => {
  it('a folder without weights', async () => {
    const { folder, file } = await copyOfVae();
    await rm(file);
    expect(await refusal(folder)).toMatch(/expected diffusion_pytorch_model.safetensors in .*complete/);
  });

  it('a broken pickle', async () => {
    const { folder, file } = await copyOfVae();
    await rm(file);
    await writeFile(join(folder, `${NAME}.bin`), 'PK\x03\x04 and then nothing');
    expect(await refusal(folder)).toMatch(/cannot read .*diffusion_pytorch_model\.bin/);
  });

  it('a missing config', async () => {
    const { folder } = await copyOfVae();
    await rm(join(folder, 'config.json'));
    expect(await refusal(folder)).toMatch(/config.json: it does not exist/);
  });

  it('a config of another kind of network', async () => {
    const { folder } = await copyOfVae();
    await writeFile(join(folder, 'config.json'), JSON.stringify({ _class_name: 'AutoencoderTiny' }));
    expect(await refusal(folder)).toMatch(/_class_name "AutoencoderTiny"/);
  });

  it('a missing weight', async () => {
    const { folder, file, tensors } = await copyOfVae();
    tensors.delete(KEY);
    await writeSafetensors(file, tensors);
    expect(await refusal(folder)).toMatch(new RegExp(`the weight "${KEY}" \\[12,4,3,3\\].*lacks`));
  });

  it('a misshapen weight', async () => {
    const { folder, file, tensors } = await copyOfVae();
    tensors.set(KEY, tensor([12, 4, 1, 9], tensors.get(KEY)!.data as Float32Array));
    await writeSafetensors(file, tensors);
    expect(await refusal(folder)).toMatch(new RegExp(`"${KEY}" should be \\[12,4,3,3\\].*is \\[12,4,1,9\\]`));
  });

  it('unexpected weights, listing no more than five', async () => {
    const { folder, file, tensors } = await copyOfVae();
    for (let i = 0; i < 7; i++) tensors.set(`extra.${i}`, tensor([1], Float32Array.of(i)));
    await writeSafetensors(file, tensors);
    expect(await refusal(folder)).toMatch(/"extra.0", "extra.1", "extra.2", "extra.3", "extra.4" and 2 more/);
  });

  it('weights that are not floats', async () => {
    const { folder, file, tensors } = await copyOfVae();
    tensors.set(KEY, tensorOf('int8', [12, 4, 3, 3], new Int8Array(432)));
    await writeSafetensors(file, tensors);
    expect(await refusal(folder)).toMatch(new RegExp(`"${KEY}" .* is int8; expected float32`));
  });

  it('a weight that two shards have', async () => {
    const { folder, file, tensors } = await copyOfVae();
    await rm(file);
    for (const shard of ['a', 'b']) await writeSafetensors(join(folder, `${shard}.safetensors`), tensors);
    const weight_map = { one: 'a.safetensors', two: 'b.safetensors' };
    await writeFile(join(folder, `${NAME}.safetensors.index.json`), JSON.stringify({ weight_map }));
    expect(await refusal(folder)).toMatch(/is in .*a.safetensors and in .*b.safetensors/);
  });
});

describe('saveNetwork', () => {
  it('writes float32 weights and the config as they were read', async () => {
    const folder = await temporaryFolder();
    const vae = await load(VAE_FOLDER);
    await saveNetwork(folder, vae);
    const weights = `${NAME}.safetensors`;
    expect(await readFile(join(folder, weights))).toEqual(await readFile(join(VAE_FOLDER, weights)));
    const json = async (from: string) => JSON.parse(await readFile(join(from, 'config.json'), 'utf8'));
    expect(await json(folder)).toEqual(await json(VAE_FOLDER));
  });

  it('writes float16, and refuses what float16 cannot hold', async () => {
    const folder = await temporaryFolder();
    const vae = await load(VAE_FOLDER);
    await saveNetwork(folder, vae, { dtype: 'float16' });
    const { tensors } = await readSafetensors(join(folder, `${NAME}.safetensors`));
    expect(tensors.get(KEY)).toEqual(converted(new Map(vae.parameters), 'float16').get(KEY));
    vae.parameters.get(KEY)!.data[0] = 1e5;
    await expect(saveNetwork(folder, vae, { dtype: 'float16' })).rejects.toThrow(
      /"decoder.conv_in.weight" has values beyond ±65504.*save as float32/,
    );
    expect((await readSafetensors(join(folder, `${NAME}.safetensors`))).tensors).toEqual(tensors);
  });
});

function converted(tensors: ReadonlyMap<string, Tensor>, dtype: 'float16' | 'bfloat16'): Map<string, Tensor> {
  const convert = dtype === 'float16' ? float32ToHalf : float32ToBfloat;
  return new Map(
    [...tensors].map(([key, { shape, data }]) => [
      key,
      tensorOf(dtype, shape, convert(data as Float32Array)),
    ]),
  );
}
