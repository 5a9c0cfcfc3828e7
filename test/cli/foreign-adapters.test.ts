/** LoRA and DoRA files of other programs named with --adapter, written by `sara export` in each program's keys. */
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeAll, describe, expect, it, vi } from 'vitest';
import { readSafetensors, sha256OfFile, writeSafetensors } from '../../src/formats/index.js';
import { loadUNet } from '../../src/models/index.js';
import { type Adapter, loadAdapter, saveAdapter } from '../../src/peft/index.js';
import { sizeOf, type Tensor, tensor, toFloat32 } from '../../src/tensor/index.js';
import { drawnLora } from '../support/adapters.js';
import { expectAllclose } from '../support/allclose.js';
import { done, sara } from '../support/cli.js';
import { temporaryFolder } from '../support/temporary.js';
import { writeTinyModel } from '../support/tiny-model.js';

vi.setConfig({ testTimeout: 300_000 });

const METHODS = ['lora', 'dora'] as const;
const KEYS = ['kohya', 'diffusers', 'peft'] as const;

let folder: string;
let model: string;
const adapterOf = (method: string) => join(folder, `${method}.safetensors`);
const fileOf = (method: string, keys: string) =>
  join(folder, keys === 'peft' ? `${method}-peft` : `${method}-${keys}.safetensors`);

/** W + s·α/r·BA, for a DoRA m ⊙ V/‖V‖ with V = W + α/r·BA, each from its definition. */
function adaptedWeight(
  adapter: Adapter,
  key: string,
  weight: Float32Array,
  scale: number,
): Float32Array | undefined {
  const read = (name: string) => adapter.tensors.get(key.replace(/\.weight$/, name));
  const [a, b, alpha] = [read('.lora_A.weight'), read('.lora_B.weight'), read('.alpha')];
  if (!a || !b || !alpha) return undefined;
  const [rank, rows] = [a.shape[0]!, b.shape[0]!];
  const columns = sizeOf(a.shape) / rank;
  const factor = Number(alpha.data[0]) / rank;
  const out = new Float32Array(weight.length);
  const magnitude = read('.lora_magnitude_vector');
  for (let i = 0; i < rows; i++) {
    const v = Array.from({ length: columns }, (_, j) => {
      let product = 0;
      for (let k = 0; k < rank; k++)
        product += Number(b.data[i * rank + k]) * Number(a.data[k * columns + j]);
      return weight[i * columns + j]! + factor * product;
    });
    const ratio = magnitude ? Number(magnitude.data[i]) / Math.hypot(...v) : 1;
    for (const [j, value] of v.entries()) {
      const before = weight[i * columns + j]!;
      out[i * columns + j] = before + scale * (ratio * value - before);
    }
  }
  return out;
}

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sara-foreign-'));
  model = join(folder, 'model');
  await writeTinyModel(model);
  for (const method of METHODS) {
    await saveAdapter(adapterOf(method), drawnLora(method, await loadUNet(model)));
    for (const keys of KEYS) {
      const from = ['--model', model, '--adapter', adapterOf(method)];
      const to = ['--format', 'lora', '--keys', keys, '--dtype', 'float32', '--out', fileOf(method, keys)];
      await done('export', ...from, ...to);
    }
  }
  return () => rm(folder, { recursive: true });
}, 300_000);

describe.each(METHODS)('a %s', (method) => {
  it.each(KEYS)('with the keys of %s merges into what its definition says', async (keys) => {
    const out = join(await temporaryFolder(), 'merged');
    const adapter = `${fileOf(method, keys)}:0.5`;
    await done('merge', '--model', model, '--adapter', adapter, '--out', out, '--dtype', 'float32');
    const ours = await loadAdapter(adapterOf(method));
    const [base, merged] = [await loadUNet(model), await loadUNet(out)];
    let changed = 0;
    for (const [key, weight] of base.parameters) {
      const expected = adaptedWeight(ours, key, toFloat32(weight), 0.5);
      if (expected) changed++;
      expectAllclose(toFloat32(merged.parameters.get(key)!), expected ?? toFloat32(weight), {
        rtol: 1e-5,
        atol: 1e-6,
      });
    }
    expect(changed).toBeGreaterThan(10);
  });

  it.each(KEYS)('with the keys of %s imports as the adapter that it was exported from', async (keys) => {
    const out = join(await temporaryFolder(), 'back.safetensors');
    await done('import', '--model', model, '--file', fileOf(method, keys), '--out', out);
    const [ours, back] = [await loadAdapter(adapterOf(method)), await loadAdapter(out)];
    expect(back.method).toBe(method);
    expect([...back.tensors.keys()].sort()).toEqual([...ours.tensors.keys()].sort());
    for (const [key, value] of ours.tensors) {
      const found = back.tensors.get(key)!;
      expect(found.shape, key).toEqual(value.shape);
      // kohya's keys hold magnitudes as ComfyUI counts them, which are computed back.
      if (key.endsWith('magnitude_vector'))
        expectAllclose(toFloat32(found), toFloat32(value), { rtol: 1e-6 });
      else expect([...toFloat32(found)], key).toEqual([...toFloat32(value)]);
    }
  });
});

it('several LoRAs merge into a LoRA and export as one, whoever wrote them; a DoRA among them makes whole changes', async () => {
  const here = await temporaryFolder();
  const from = (...adapters: string[]) => [
    ...['--model', model, '--dtype', 'float32'],
    ...adapters.flatMap((adapter) => ['--adapter', adapter]),
  ];
  const halves = from(`${adapterOf('lora')}:0.25`, `${fileOf('lora', 'diffusers')}:0.75`);
  const merged = join(here, 'merged.safetensors');
  expect(await done('merge', ...halves, '--out', merged)).toBe(merged);
  const exported = join(here, 'exported.safetensors');
  expect(await done('export', ...halves, '--format', 'lora', '--out', exported)).toMatch(
    /as they were trained$/,
  );
  const ranks = async (path: string, name: string) => [
    ...new Set(
      [...(await readSafetensors(path)).tensors].flatMap(([key, { shape }]) =>
        key.endsWith(name) ? shape[0]! : [],
      ),
    ),
  ];
  expect(await ranks(merged, '.lora_A.weight')).toEqual([4]);
  expect(await ranks(exported, '.lora_down.weight')).toEqual([4]);
  const ours = await loadAdapter(adapterOf('lora'));
  for (const adapter of [merged, exported]) {
    const out = `${adapter}-model`;
    await done('merge', ...from(adapter), '--out', out);
    const [base, model] = [await loadUNet(join(folder, 'model')), await loadUNet(out)];
    for (const [key, weight] of base.parameters)
      expectAllclose(
        toFloat32(model.parameters.get(key)!),
        adaptedWeight(ours, key, toFloat32(weight), 1) ?? toFloat32(weight),
        { rtol: 1e-5, atol: 1e-6 },
      );
  }
  const mixed = join(here, 'mixed.safetensors');
  expect(await sara(['merge', ...from(adapterOf('lora'), adapterOf('dora')), '--out', mixed])).toMatchObject({
    code: 0,
    stderr: expect.stringMatching(
      /holds whole changes of weights \(method full\), since lora and dora adapters/,
    ),
  });
  expect((await loadAdapter(mixed)).method).toBe('full');
});

describe('sara generate', () => {
  const draw = (out: string, ...adapters: string[]) => [
    ...['generate', '--model', model, '--prompt', 'a fox', '--steps', '1', '--out', out, '--threads', '1'],
    ...adapters.flatMap((adapter) => ['--adapter', adapter]),
  ];

  it('draws with files of other programs what it draws with the adapter', async () => {
    const here = await temporaryFolder();
    const pictures: Buffer[] = [];
    for (const adapter of [adapterOf('lora'), fileOf('lora', 'kohya'), fileOf('lora', 'peft')]) {
      const out = join(here, `${pictures.length}.png`);
      await done(...draw(out, `${adapter}:0.7`));
      pictures.push(await readFile(out));
    }
    const plain = join(here, 'plain.png');
    await done(...draw(plain));
    expect(pictures[1]!.equals(pictures[0]!)).toBe(true);
    expect(pictures[2]!.equals(pictures[0]!)).toBe(true);
    expect(pictures[0]!.equals(await readFile(plain))).toBe(false);
  });

  it('tells what it leaves out, and says why it cannot use a file', async () => {
    const here = await temporaryFolder();
    const out = join(here, 'x.png');
    const { tensors, metadata } = await readSafetensors(fileOf('lora', 'kohya'));
    const text = 'lora_te_text_model_encoder_layers_0_self_attn_q_proj.lora';
    const ofText = [
      [`${text}_down.weight`, tensor([1, 2], new Float32Array(2))],
      [`${text}_up.weight`, tensor([2, 1], new Float32Array(2))],
    ] as const;
    const write = async (name: string, entries: Iterable<readonly [string, Tensor]>) => {
      await writeSafetensors(join(here, name), new Map(entries), metadata);
      return join(here, name);
    };
    const both = await write('both.safetensors', [...tensors, ...ofText]);
    expect(await sara(draw(out, both))).toEqual({
      code: 0,
      signal: null,
      stdout: `${out}\n`,
      stderr: expect.stringContaining(
        `: ${both}: left out 2 tensors of text encoders, which adapters do not change\n`,
      ),
    });
    await rm(out);
    const shaped = (name: string) => [[name, tensor([2, 2], new Float32Array(4))]] as const;
    const broken = join(here, 'broken.safetensors');
    await writeSafetensors(broken, tensors, { lora_adapter_metadata: '{"unet.lora_alpha": "much"}' });
    const notes = join(here, 'notes.txt');
    await writeFile(notes, 'a fox');
    const refused: [string, RegExp][] = [
      [await write('text.safetensors', ofText), /text\.safetensors has layers of text encoders alone/],
      [
        await write('loha.safetensors', shaped('lora_unet_conv_in.hada_w1_a')),
        /is a LyCORIS network .*, which cannot be applied as an adapter: it reads LoRA and DoRA/,
      ],
      [
        await write('token.safetensors', shaped('<fox>')),
        /is a textual inversion .*: name it with --embedding of sara generate/,
      ],
      [
        await write('odd.safetensors', [...ofText, ...shaped('lora_unet_odd.lora_down.weight')]),
        /has the tensor "lora_unet_odd\.lora_down\.weight", which is no part of a LoRA or DoRA of the unet of/,
      ],
      [broken, /cannot read the lora_adapter_metadata of .*broken\.safetensors/],
      [
        notes,
        /cannot read .*notes\.txt as safetensors: .*; adapters are files of "sara train", LoRA and DoRA/,
      ],
      [join(here, 'absent.safetensors'), /absent\.safetensors: it does not exist/],
    ];
    for (const [adapter, message] of refused)
      expect(await sara(draw(out, adapter))).toEqual({
        code: 1,
        signal: null,
        stdout: '',
        stderr: expect.stringMatching(message),
      });
    expect(await readdir(here)).not.toContain('x.png');
  });

  it('takes the weights of a PEFT folder only where its settings lie beside them', async () => {
    const here = await temporaryFolder();
    const weights = join(fileOf('lora', 'peft'), 'adapter_model.safetensors');
    await done(...draw(join(here, 'folder.png'), fileOf('lora', 'peft')));
    await done(...draw(join(here, 'weights.png'), weights));
    const [folder, file] = ['folder.png', 'weights.png'].map((name) => readFile(join(here, name)));
    expect((await file!).equals(await folder!)).toBe(true);
    const alone = join(here, 'alone.safetensors');
    await writeSafetensors(alone, (await readSafetensors(weights)).tensors);
    expect(await sara(draw(join(here, 'x.png'), alone))).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/adapter_config\.json/),
    });
  });
});

it('sara evaluate draws with a PEFT folder, and keeps by the content of its files what it drew', async () => {
  const here = await temporaryFolder();
  const [out, prompts] = [join(here, 'drawn'), join(here, 'prompts.txt')];
  await writeFile(prompts, 'a fox\n');
  const adapter = fileOf('lora', 'peft');
  await done(
    ...['evaluate', '--model', model, '--adapter', adapter, '--prompts', prompts, '--steps', '1'],
    ...['--clip', 'test/fixtures/metrics/clip-score', '--out', out, '--threads', '1'],
  );
  expect(await readdir(out)).toContain('drawing.json');
  const { adapters } = JSON.parse(await readFile(join(out, 'drawing.json'), 'utf8'));
  const contents = ['adapter_config.json', 'adapter_model.safetensors'].map((name) =>
    sha256OfFile(join(adapter, name)),
  );
  expect(adapters).toEqual([{ path: adapter, sha256: (await Promise.all(contents)).join(' '), scale: 1 }]);
});
