/** `sara export` and `sara check` as processes: each format's file, read back, what it is told to be, and what is refused. */
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeAll, describe, expect, it, vi } from 'vitest';
import { readSafetensors } from '../../src/formats/index.js';
import { loadUNet, originalUNetKeys } from '../../src/models/index.js';
import { applyAdapters, importOfficialSara, loadAdapter, saveAdapter } from '../../src/peft/index.js';
import { floatToBfloat, floatToHalf, sizeOf, toFloat32 } from '../../src/tensor/index.js';
import { saraAdapter } from '../support/adapters.js';
import { expectAllclose } from '../support/allclose.js';
import { sara } from '../support/cli.js';
import { temporaryFolder } from '../support/temporary.js';
import { writeTinyModel } from '../support/tiny-model.js';

vi.setConfig({ testTimeout: 300_000 });

let shared: string;
let model: string;
let adapter: string;

const refusal = (code: number, pattern: RegExp) => ({
  code,
  stdout: '',
  stderr: expect.stringMatching(pattern),
});
const exported = (format: string, out: string, ...args: string[]) =>
  sara(['export', '--model', model, '--adapter', adapter, '--format', format, '--out', out, ...args]);

/** The UNet with the adapter at a scale. */
async function adapted(scale = 1) {
  const unet = await loadUNet(model);
  applyAdapters(unet, [{ adapter: await loadAdapter(adapter), scale }]);
  return unet;
}

beforeAll(async () => {
  shared = await mkdtemp(join(tmpdir(), 'sara-export-'));
  model = join(shared, 'model');
  adapter = join(shared, 'adapter.safetensors');
  await writeTinyModel(model);
  await saveAdapter(adapter, saraAdapter(await loadUNet(model), 0.05, { dtype: 'float16' }));
  return () => rm(shared, { recursive: true });
});

describe('--format checkpoint', () => {
  const rounded = {
    float32: (value: number) => value,
    float16: (value: number) =>
      toFloat32({ dtype: 'float16', shape: [1], data: Uint16Array.of(floatToHalf(value)) })[0]!,
    bfloat16: (value: number) =>
      toFloat32({ dtype: 'bfloat16', shape: [1], data: Uint16Array.of(floatToBfloat(value)) })[0]!,
  };

  it.each(['float32', 'float16', 'bfloat16'] as const)(
    'writes a folder in %s with the changes in it',
    async (dtype) => {
      const out = join(await temporaryFolder(), 'model');
      expect(await exported('checkpoint', out, '--dtype', dtype)).toMatchObject({
        code: 0,
        stdout: `${out}\n`,
      });
      const expected = await adapted();
      const { tensors } = await readSafetensors(join(out, 'unet', 'diffusion_pytorch_model.safetensors'));
      expect(tensors.size).toBe(expected.parameters.size);
      for (const [key, weight] of expected.parameters) {
        expect(tensors.get(key)!.dtype).toBe(dtype);
        expect(toFloat32(tensors.get(key)!)).toEqual(toFloat32(weight).map(rounded[dtype]));
      }
      expect((await readdir(out)).sort()).toEqual((await readdir(model)).sort());
      const { code } = await sara(['inspect', out]);
      expect(code).toBe(0);
    },
  );

  it('writes a single file, with scales and several adapters', async () => {
    const out = join(await temporaryFolder(), 'model.safetensors');
    const again = ['--adapter', `${adapter}:0.5`, '--dtype', 'float32', '--json'];
    const { code, stdout } = await exported('checkpoint', out, ...again);
    expect(code).toBe(0);
    expect(JSON.parse(stdout)).toEqual({ out, format: 'checkpoint' });
    const expected = await adapted(1.5);
    const read = await loadUNet(out);
    expect(read.parameters.size).toBe(expected.parameters.size);
    for (const [key, weight] of expected.parameters)
      expectAllclose(toFloat32(read.parameters.get(key)!), toFloat32(weight), { atol: 1e-7 });
  });

  it('does what sara merge does', async () => {
    const folder = await temporaryFolder();
    const [merged, out] = [join(folder, 'merged'), join(folder, 'exported')];
    await sara(['merge', '--model', model, '--adapter', adapter, '--out', merged]);
    await exported('checkpoint', out);
    const [a, b] = await Promise.all([merged, out].map((path) => loadUNet(path)));
    expect(a).toEqual(b);
  });
});

it('--format comfyui writes the changed tensors as differences, under original names', async () => {
  const out = join(await temporaryFolder(), 'patch.safetensors');
  const { stdout } = await exported('comfyui', out, '--dtype', 'float32');
  const [base, expected] = [await loadUNet(model), await adapted()];
  const { tensors } = await readSafetensors(out);
  expect(stdout).toBe(`${out}\n${tensors.size} tensors\n`);
  expect(tensors.size).toBeGreaterThan(0);
  for (const [key, original] of originalUNetKeys(base.config, base.parameters.keys())) {
    const patch = tensors.get(
      `diffusion_model.${original.replace(/\.weight$/, '.diff').replace(/\.bias$/, '.diff_b')}`,
    );
    const before = toFloat32(base.parameters.get(key)!);
    const after = toFloat32(expected.parameters.get(key)!);
    if (patch)
      expectAllclose(
        toFloat32(patch),
        after.map((value, i) => value - before[i]!),
        { atol: 1e-7 },
      );
    else expect(after).toEqual(before);
  }
});

it('--format lora writes low-rank factors and tells what they lose', async () => {
  const folder = await temporaryFolder();
  const out = join(folder, 'lora.safetensors');
  const { code, stdout } = await exported('lora', out, '--rank', '4', '--threads', '1');
  expect(code).toBe(0);
  expect(stdout).toMatch(
    /error of \d+ layers at rank 4 +[\d.]+ %\n[\s\S]*bias or norm +[\d.]+ %\n[\s\S]*error in all +[\d.]+ %\n$/,
  );
  const { tensors, metadata } = await readSafetensors(out);
  const ranks = [...tensors]
    .filter(([name]) => name.endsWith('.lora_down.weight'))
    .map(([, { shape }]) => shape[0]);
  expect(new Set(ranks)).toEqual(new Set([4]));
  expect(metadata.ss_network_dim).toBe('4');

  const other = join(folder, 'diffusers.safetensors');
  const told = await exported('lora', other, '--layers', 'attention', '--keys', 'diffusers', '--json');
  const report = JSON.parse(told.stdout);
  expect(report).toMatchObject({ out: other, format: 'lora', rank: 64 });
  expect(report.layers.map(({ module }: { module: string }) => module)).toContain(
    'mid_block.attentions.0.transformer_blocks.0.attn1.to_q',
  );
  expect(report.relativeError).toBeLessThan(0.01);
  expect(report.relativeErrorOfAll).toBeGreaterThan(0.1);
  const elements = [...(await readSafetensors(other)).tensors.values()].map(({ shape }) => sizeOf(shape));
  expect(elements).toHaveLength(2 * report.layers.length);
});

it('--format official-sara writes a file that imports as the same adapter', async () => {
  const out = join(await temporaryFolder(), 'unet.pt');
  expect(await exported('official-sara', out)).toMatchObject({ code: 0, stdout: `${out}\n` });
  const unet = await loadUNet(model);
  applyAdapters(unet, [
    { adapter: await importOfficialSara(out, await loadUNet(model), { dtype: 'float32' }) },
  ]);
  const expected = await adapted();
  for (const [key, weight] of expected.parameters)
    expectAllclose(toFloat32(unet.parameters.get(key)!), toFloat32(weight), { atol: 1e-7 });
});

describe('sara export', () => {
  it('refuses what it cannot write, before it reads the model', async () => {
    const out = join(await temporaryFolder(), 'x.safetensors');
    expect(await exported('gguf', out)).toMatchObject(
      refusal(2, /--format: expected checkpoint, comfyui, lora, official-sara, got "gguf"/),
    );
    expect(await exported('comfyui', out, '--rank', '3')).toMatchObject(
      refusal(2, /--rank is for --format lora/),
    );
    expect(await exported('comfyui', out, '--dtype', 'bfloat16')).toMatchObject(
      refusal(2, /--dtype: expected float16 or float32 for --format comfyui/),
    );
    expect(await exported('official-sara', out)).toMatchObject(
      refusal(2, /--out: expected a name that ends in \.pt/),
    );
    expect(await exported('lora', adapter)).toMatchObject(refusal(1, /exists already; name something new/));
    expect(await sara(['export', '--model', model, '--format', 'lora', '--out', out])).toMatchObject(
      refusal(2, /needs --adapter <file\[:scale\]>/),
    );
  });

  it('refuses adapters of another model, and writes nothing', async () => {
    const folder = await temporaryFolder();
    const other = join(folder, 'other');
    await writeTinyModel(other, 2);
    for (const [format, out] of [
      ['checkpoint', 'x'],
      ['comfyui', 'x.safetensors'],
      ['lora', 'x.safetensors'],
      ['official-sara', 'x.pt'],
    ]) {
      expect(await exported(format!, join(folder, out!), '--model', other)).toMatchObject(
        refusal(1, /adapter\.safetensors was made from the unet of .*, not from the unet of .*other/),
      );
    }
    expect(await readdir(folder)).toEqual(['other']);
  });
});

describe('sara check', () => {
  it('names every application, and why not', async () => {
    const told = await sara(['check', adapter]);
    expect(told.code).toBe(0);
    expect(told.stdout).toMatch(
      /adapter\.safetensors: an adapter of sara-diffusion\n\d+ tensors in float16\n\n/,
    );
    expect(told.stdout).toMatch(/^sara-diffusion +yes +name it with --adapter$/m);
    expect(told.stdout).toMatch(/^ComfyUI +no +.*--format comfyui/m);
    const { stdout } = await sara(['check', adapter, '--json']);
    expect(JSON.parse(stdout)).toMatchObject({ kind: 'sara-adapter', traits: [], dtypes: ['float16'] });
  });

  it('ends with 1 where no application loads the file', async () => {
    const cut = join(await temporaryFolder(), 'cut.safetensors');
    await writeFile(cut, (await readFile(adapter)).subarray(0, 5000));
    const { code, stdout } = await sara(['check', cut]);
    expect(code).toBe(1);
    expect(stdout).toMatch(/no file that can be read\n.*cut short/);
    expect(await sara(['check', join(shared, 'absent')])).toMatchObject(
      refusal(1, /absent: it does not exist/),
    );
  });
});
