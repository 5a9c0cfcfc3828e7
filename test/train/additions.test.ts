/** Training what LoRA, DoRA and AdaptFormer add to a UNet: in one graph and in stages, beside float16 weights, on every device, in runs. */
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeAll, describe, expect, it, onTestFinished, vi } from 'vitest';
import { input } from '../../src/graph/index.js';
import type { StableDiffusion } from '../../src/models/index.js';
import { conv, copyParameters, linear, type Network, Scope, type ScopeOptions } from '../../src/nn/index.js';
import { mul, reduceMean, reshape } from '../../src/ops/index.js';
import { createOptimizer, loadAdapter, type MethodOptions, type Optimizer } from '../../src/peft/index.js';
import type { Device } from '../../src/runtime/index.js';
import {
  float32ToHalf,
  Random,
  sizeOf,
  type Tensor,
  tensor,
  tensorOf,
  toFloat32,
} from '../../src/tensor/index.js';
import {
  ImageFolder,
  Trainer,
  type TrainerOptions,
  type TrainInput,
  trainRun,
  trainSchema,
} from '../../src/train/index.js';
import { type LossGraph, type Objective, readBy } from '../../src/train/objective.js';
import { Stepper } from '../../src/train/stepper.js';
import { expectAllclose } from '../support/allclose.js';
import { testDevices } from '../support/devices.js';
import { temporaryFolder } from '../support/temporary.js';
import { drawPictures, TINY_SIZE, tinyModel, writeTinyModel } from '../support/tiny-model.js';

vi.setConfig({ testTimeout: 300_000 });

const METHODS = {
  lora: { rank: 2, targetModules: ['attention-conv'] },
  dora: { rank: 2, targetModules: ['attention-conv'] },
  adaptformer: { width: 3 },
} as const satisfies Record<string, MethodOptions>;
const NAMES = Object.keys(METHODS) as (keyof typeof METHODS)[];
const devices = await testDevices();

let shared: string;
let model: string;
let data: string;

beforeAll(async () => {
  shared = await mkdtemp(join(tmpdir(), 'sara-additions-'));
  model = join(shared, 'model');
  data = join(shared, 'data');
  await writeTinyModel(model, 1, 'float16');
  await drawPictures(data, 3);
  return () => rm(shared, { recursive: true });
});

/** The model with weights that float16 can hold, kept in either type. */
async function halfModel(dtype: 'float32' | 'float16'): Promise<StableDiffusion> {
  const sd = await tinyModel();
  for (const [key, weight] of sd.unet.parameters) {
    const half = tensorOf('float16', weight.shape, float32ToHalf(toFloat32(weight)));
    const rounded = tensorOf('float32', weight.shape, toFloat32(half));
    sd.unet.parameters.set(key, dtype === 'float16' ? half : rounded);
  }
  return sd;
}

/** All that was learned, one value after the other. */
const learned = (optimizer: Optimizer): number[] =>
  [...optimizer.adapter({ dtype: 'float32' }).tensors.values()].flatMap(({ data }) =>
    Array.from(data, Number),
  );

/** What three steps give, of which the later two depend on gradients of everything that trains. */
async function trained(
  method: keyof typeof METHODS,
  options: TrainerOptions = {},
  dtype: 'float32' | 'float16' = 'float32',
) {
  const sd = await halfModel(dtype);
  const before = copyParameters(sd.unet.parameters);
  const pictures = await ImageFolder.open(data, { size: TINY_SIZE });
  const optimizer = createOptimizer(method, sd.unet, { ...METHODS[method], learningRate: 1e-2 });
  const trainer = new Trainer(sd, optimizer, { threads: 1, ...options });
  onTestFinished(() => trainer.dispose());
  const losses: number[] = [];
  for (let step = 0; step < 3; step++) losses.push((await trainer.step(await pictures.batchAt(0, 2))).loss);
  expect(copyParameters(sd.unet.parameters)).toEqual(before);
  return { losses, values: learned(optimizer) };
}

/** A convolution, a linear layer and what may stand beside a feed-forward network. */
class SmallObjective implements Objective<number> {
  readonly networks: readonly Network[];

  constructor(private readonly network: Network) {
    this.networks = [network];
  }

  size = () => 2;
  signature = () => '';

  build(_batch: number, options?: ScopeOptions): LossGraph {
    const scope = Scope.of(this.network, options);
    const pixels = conv(scope.at('conv'), input('x', [2, 3, 4, 4]), 5);
    const tokens = reshape(linear(scope.at('linear'), reshape(pixels, [-1, 5]), 6), [2, -1, 6]);
    const y = scope.at('block').adapted({ kind: 'block', x: tokens, y: tokens });
    return { outputs: { loss: reduceMean(mul(y, y)) }, ...readBy(scope) };
  }

  feeds(batch: number): Map<string, Tensor> {
    return new Map([['x', tensor([2, 3, 4, 4], new Random(batch, 'x').normal(96))]]);
  }
}

async function trainedSmall(method: keyof typeof METHODS, device: Device) {
  const shapes = {
    ...{ 'conv.weight': [5, 3, 3, 3], 'conv.bias': [5], 'linear.weight': [6, 5], 'linear.bias': [6] },
    'block.norm3.weight': [6],
  };
  const parameters = new Map(
    Object.entries(shapes).map(([key, shape]) => [
      key,
      tensor(shape, new Random(1, key).normal(sizeOf(shape))),
    ]),
  );
  const network: Network = { name: 'small', config: undefined, parameters };
  const targetModules = method === 'adaptformer' ? undefined : ['conv', 'linear'];
  const options = { ...METHODS[method], ...(targetModules && { targetModules }), learningRate: 1e-2 };
  const optimizer = createOptimizer(method, network, options);
  const stepper = new Stepper(new SmallObjective(network), optimizer, { device, threads: 1 });
  const losses: number[] = [];
  for (let step = 0; step < 3; step++) losses.push((await stepper.step([1])).loss);
  await stepper.dispose();
  return { losses, values: learned(optimizer) };
}

function expectAlike(
  found: Awaited<ReturnType<typeof trained>>,
  expected: Awaited<ReturnType<typeof trained>>,
  rtol: number,
): void {
  expectAllclose(found.losses, expected.losses, { rtol });
  const far = found.values.filter((value, i) => Math.abs(value - expected.values[i]!) > 1e-3);
  // Adam answers the sign of gradients that are near zero.
  expect(far.length).toBeLessThan(0.01 * expected.values.length);
}

describe.each(NAMES)('%s', (method) => {
  it('learns the same where blocks are computed again for their gradients', async () => {
    expectAlike(await trained(method, { checkpoint: true }), await trained(method), 1e-5);
  });

  it('learns the same beside weights in float16, also where blocks are computed again', async () => {
    const expected = await trained(method);
    expectAlike(await trained(method, {}, 'float16'), expected, 1e-5);
    expectAlike(await trained(method, { checkpoint: true }, 'float16'), expected, 1e-5);
  });

  for (const { device, skip } of devices.filter((one) => one.device !== 'cpu')) {
    it.skipIf(skip)(`learns the same on ${device}${skip && ` (skipped: ${skip})`}`, async () => {
      expectAlike(await trainedSmall(method, device), await trainedSmall(method, 'cpu'), 1e-3);
    });
  }

  it('goes on after an interruption to the same bytes, and tells its own settings alone', async () => {
    const run = async (out: string, steps = Number.POSITIVE_INFINITY) => {
      let done = 0;
      const settings: TrainInput = { model, data, out, method, steps: 4, batch: 2, checkpointEvery: 2 };
      const more = { ...METHODS[method], threads: 1, learningRate: 1e-2, weightDtype: 'float16', ema: 0.9 };
      await trainRun(trainSchema.parse({ ...settings, ...more, gradientCheckpointing: true }), {
        onEvent: ({ type }) => {
          if (type === 'step') done++;
        },
        stopRequested: () => done >= steps,
      });
    };
    const folder = await temporaryFolder();
    const [whole, parts] = [join(folder, 'whole'), join(folder, 'parts')];
    await run(whole);
    await run(parts, 3);
    await run(parts);
    const path = (out: string) => join(out, 'adapter.safetensors');
    expect((await readFile(path(parts))).equals(await readFile(path(whole)))).toBe(true);

    const { settings } = await loadAdapter(path(whole));
    expect(settings).toMatchObject(METHODS[method]);
    const config = await readFile(join(whole, 'config.yaml'), 'utf8');
    for (const foreign of ['lambdaRank', 'progressive', 'vectors', 'tokenCaptions', 'classImages']) {
      expect(settings).not.toHaveProperty(foreign);
      expect(config).not.toContain(`${foreign.replace(/[A-Z]/g, (one) => `-${one.toLowerCase()}`)}:`);
    }
  });
});
