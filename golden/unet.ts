/** The golden cases unet/sd15, unet/sd2 and unet/sdxl: outputs, the loss and every gradient of the denoising UNet. */
import { join } from 'node:path';
import { compileLoss, type GradientRequest, type LossOptions } from '../src/autodiff/index.js';
import { readJson, readSafetensors } from '../src/formats/index.js';
import { graphOf, input, type Value } from '../src/graph/index.js';
import { loadNetwork } from '../src/models/load.js';
import { UNET } from '../src/models/network-kind.js';
import { type UNetConfig, unet2DCondition } from '../src/models/unet-2d-condition.js';
import { type Network, parameterFeeds, Scope } from '../src/nn/index.js';
import { compile, mul, reduceMean, sub } from '../src/ops/index.js';
import { type Tensor, tensor, toFloat32 } from '../src/tensor/index.js';
import { type Check, relMax } from './check.js';
import { gradientChecks } from './gradient-checks.js';

type UNet = Network<UNetConfig>;
type Tensors = ReadonlyMap<string, Tensor>;

interface CaseFile {
  float32_against_float64?: { gradients?: { zero_in_exact_arithmetic?: string[] } };
}

/** Computes everything a case folder holds and compares; the options say how the gradients are computed. */
export async function runUnetCase(folder: string, options?: LossOptions): Promise<Check[]> {
  const unet = await loadNetwork(folder, 'unet', UNET);
  const { tensors: expected } = await readSafetensors(join(folder, 'io.safetensors'));
  const { float32_against_float64: rounding } = (await readJson(join(folder, 'case.json'))) as CaseFile;
  const zero = new Set(rounding?.gradients?.zero_in_exact_arithmetic);

  const inputs = inputFeeds(expected);
  const actual = new Map(await train(unet, inputs, expected, options));
  const odd = inputs.get('odd_sample');
  if (odd) actual.set('out.odd_sample', await predict(unet, new Map([...inputs, ['sample', odd]])));

  const outputs = ['out.sample', 'out.odd_sample', 'loss'].filter((name) => expected.has(name));
  return [
    ...outputs.map((quantity) => ({
      quantity,
      error: relMax(toFloat32(actual.get(quantity)!), toFloat32(expected.get(quantity)!)),
      tolerance: 2e-5,
    })),
    ...gradientChecks(actual, expected, zero, { each: 1e-3, all: 1e-4 }),
  ];
}

/** The case's inputs by the names they have in Python, in float32. */
function inputFeeds(io: Tensors): Tensors {
  const inputs = [...io].filter(([name]) => name.startsWith('in.'));
  return new Map(
    inputs.map(([name, { shape, data }]) => [
      name.slice('in.'.length),
      tensor(shape, Float32Array.from(data as Int32Array)),
    ]),
  );
}

/** The UNet on graph inputs of the feeds' shapes. */
function build(unet: UNet, feeds: Tensors) {
  const scope = Scope.of(unet);
  const values = new Map<string, Value>();
  for (const [name, { shape }] of feeds) values.set(name, input(name, shape));
  const get = (name: string) => values.get(name)!;
  const prediction = unet2DCondition(scope, unet.config, {
    sample: get('sample'),
    timestep: get('timestep'),
    encoderHiddenStates: get('encoder_hidden_states'),
    addedConditions: values.has('time_ids')
      ? { textEmbeds: get('text_embeds'), timeIds: get('time_ids') }
      : undefined,
  });
  return { scope, values, prediction };
}

async function predict(unet: UNet, feeds: Tensors): Promise<Tensor> {
  const session = await compile(graphOf({ prediction: build(unet, feeds).prediction }));
  try {
    return (await session.run(new Map([...feeds, ...parameterFeeds(unet)]))).get('prediction')!;
  } finally {
    await session.dispose();
  }
}

/** Runs loss = mean((prediction − target)²) with the gradients the case has; results are named as there. */
async function train(unet: UNet, feeds: Tensors, io: Tensors, options?: LossOptions): Promise<Tensors> {
  const { scope, values, prediction } = build(unet, feeds);
  const difference = sub(prediction, values.get('target')!);
  const loss = reduceMean(mul(difference, difference));
  const requests = new Map<string, GradientRequest>();
  for (const name of io.keys()) {
    const [, ofInput, key] = name.match(/^grad\.(in\.)?(.*)$/) ?? [];
    const of = key && (ofInput ? values : scope.parameters).get(key);
    if (of) requests.set(name, { of });
  }
  const program = await compileLoss({ loss, prediction }, requests, options);
  try {
    const { outputs, gradients } = await program.run(new Map([...feeds, ...parameterFeeds(unet)]));
    return new Map([
      ...gradients,
      ['loss', outputs.get('loss')!],
      ['out.sample', outputs.get('prediction')!],
    ]);
  } finally {
    await program.dispose();
  }
}
