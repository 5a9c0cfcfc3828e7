/**
 * Other programs read what this one writes: diffusers and ComfyUI themselves, where they are at hand. PYTHON names an
 * interpreter with torch, diffusers and peft, COMFYUI a checkout; without them the tests say what is missing.
 */
import { spawnSync } from 'node:child_process';
import { cp, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeAll, expect, it, type TestContext, vi } from 'vitest';
import { writeSafetensors } from '../../src/formats/index.js';
import {
  AdaptedModel,
  checkFile,
  extractLora,
  LORA_LAYERS,
  type Lora,
  type LoraNames,
  saveComfyPatch,
  saveLora,
} from '../../src/interop/index.js';
import { loadNetwork, originalUNetKeys, UNET } from '../../src/models/index.js';
import { AdaptedWeights, networkSource } from '../../src/peft/index.js';
import { sizeOf, type Tensor, tensor, toFloat32 } from '../../src/tensor/index.js';
import { saraAdapter } from '../support/adapters.js';
import { writeTinyModel } from '../support/tiny-model.js';

vi.setConfig({ testTimeout: 600_000 });

const PYTHON = process.env.PYTHON ?? 'python3';
const { COMFYUI } = process.env;

let folder: string;
let model: string;
let weights: AdaptedWeights;
/** The UNet's weights with the adapter in them. */
let patched: Map<string, Tensor>;
let unet: Awaited<ReturnType<typeof loadUNet>>;

const loadUNet = () => loadNetwork(join(model, 'unet'), 'unet', UNET);
const python = (...args: string[]) => spawnSync(PYTHON, args, { encoding: 'utf8' });

function needs(context: TestContext, packages: string): void {
  const { status } = python('-c', `import ${packages}`);
  if (status !== 0) context.skip(`${PYTHON} has not all of ${packages}; name another with PYTHON`);
}

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sara-interop-'));
  model = join(folder, 'model');
  await writeTinyModel(model);
  unet = await loadUNet();
  weights = await AdaptedWeights.open(networkSource(unet), [{ adapter: saraAdapter(unet, 0.1) }]);
  patched = new Map();
  for (const key of unet.parameters.keys()) patched.set(key, await weights.weight(key));
  return () => rm(folder, { recursive: true });
});

/** Base weights plus up · down of each layer. */
function withLora({ layers, rank }: Lora): Map<string, Tensor> {
  const expected = new Map<string, Tensor>(unet.parameters);
  for (const { module, up, down } of layers) {
    const { shape, data } = unet.parameters.get(`${module}.weight`)!;
    const columns = sizeOf(shape) / shape[0]!;
    const [left, right] = [toFloat32(up), toFloat32(down)];
    const sum = Float32Array.from(data, (value, at) => {
      const [row, column] = [Math.floor(at / columns), at % columns];
      let change = 0;
      for (let k = 0; k < rank; k++) change += left[row * rank + k]! * right[k * columns + column]!;
      return value + change;
    });
    expected.set(`${module}.weight`, tensor(shape, sum));
  }
  return expected;
}

interface Task {
  readonly file: string;
  readonly expected: ReadonlyMap<string, Tensor>;
  readonly changed: number;
}

/** How many weights changed and the largest difference from what is expected, or what stopped the application. */
type Result = [changed: number, difference: number] | string;

/** Lets the application load files into a model. */
async function load(
  application: string,
  into: string,
  files: readonly [file: string, expected: string | null][],
): Promise<{ results: Result[]; stderr: string }> {
  const { config, parameters } = await loadNetwork(join(into, 'unet'), 'unet', UNET);
  const names = Object.fromEntries(originalUNetKeys(config, parameters.keys()));
  const path = join(folder, `${application}.json`);
  await writeFile(path, JSON.stringify({ model: into, names, files }));
  const run = python('test/python/load_export.py', application, path);
  expect(run.status, run.stderr).toBe(0);
  return { results: JSON.parse(run.stdout.trim().split('\n').at(-1)!), stderr: run.stderr };
}

/** Lets the application load every file, and compares its weights. */
async function compare(application: string, tasks: readonly Task[]): Promise<void> {
  const files: [string, string][] = [];
  for (const { file, expected } of tasks) {
    const path = `${file}-expected.safetensors`;
    await writeSafetensors(path, expected);
    files.push([file, path]);
  }
  const { results, stderr } = await load(application, model, files);
  expect(stderr).not.toMatch(/unexpected keys|not loaded|missing keys/);
  for (const [i, { file, changed }] of tasks.entries()) {
    expect(results[i], file).toEqual([changed, expect.any(Number)]);
    expect(results[i]![1], file).toBeLessThan(1e-6);
  }
}

/** A LoRA of each choice of layers under these names. */
function loras(names: LoraNames): Promise<Task[]> {
  const tasks = LORA_LAYERS.map(async (layers) => {
    const file = join(folder, `${names}-${layers}.safetensors`);
    const lora = await extractLora(weights, { rank: 4, layers, dtype: 'float32' });
    await saveLora(file, lora, unet, names);
    return { file, expected: withLora(lora), changed: lora.layers.length };
  });
  return Promise.all(tasks);
}

it('diffusers reads LoRAs with keys of kohya and of its own: W + ΔWᵣ', async (context) => {
  needs(context, 'torch, diffusers, peft');
  await compare('diffusers', [...(await loras('kohya')), ...(await loras('diffusers'))]);
});

it('diffusers reads whole models, as a folder and as a single file', async (context) => {
  needs(context, 'torch, diffusers, peft');
  const adapted = await AdaptedModel.open(model, [{ adapter: saraAdapter(unet, 0.1) }]);
  const tasks = ['exported', 'exported.safetensors'].map((name) => ({
    file: join(folder, name),
    expected: patched,
    changed: weights.changed.length,
  }));
  for (const { file } of tasks) await adapted.saveCheckpoint(file, { dtype: 'float32' });
  await adapted.close();
  await compare('diffusers', tasks);
});

function needsComfyUI(context: TestContext): void {
  needs(context, 'torch, safetensors, einops');
  if (!COMFYUI) context.skip('COMFYUI does not name a checkout of ComfyUI');
}

it('ComfyUI reads LoRAs with keys of kohya, and its patch', async (context) => {
  needsComfyUI(context);
  const file = join(folder, 'patch.safetensors');
  await saveComfyPatch(file, weights, unet.config, 'float32');
  const patch = { file, expected: patched, changed: weights.changed.length };
  await compare('comfyui', [...(await loras('kohya')), patch]);
});

const FILES = [
  'lora/attention/kohya.safetensors',
  'lora/attention/diffusers/pytorch_lora_weights.safetensors',
  'lora/attention/peft/adapter_model.safetensors',
  'dora/attention/kohya.safetensors',
  'dora/attention/diffusers/pytorch_lora_weights.safetensors',
].map((name) => join('test/fixtures/peft', name));

/** The model that the fixtures' LoRAs are for. */
async function modelOfFixtures(): Promise<string> {
  const into = join(folder, 'fixtures');
  await cp('test/fixtures/pipeline/sd15', into, { recursive: true });
  await cp('test/fixtures/sara/base', join(into, 'unet'), { recursive: true });
  return into;
}

it.for(['diffusers', 'ComfyUI'] as const)('%s loads what sara check says it loads', async (name, context) => {
  if (name === 'diffusers') needs(context, 'torch, diffusers, peft');
  else needsComfyUI(context);
  const files = FILES.map((file): [string, null] => [file, null]);
  const { results } = await load(name.toLowerCase(), await modelOfFixtures(), files);
  for (const [i, file] of FILES.entries()) {
    const { applications } = await checkFile(file);
    const { loads } = applications.find(({ application }) => application === name)!;
    const result = results[i]!;
    expect(typeof result !== 'string' && result[0] > 0, `${file}: ${result}`).toBe(loads !== 'no');
  }
});
