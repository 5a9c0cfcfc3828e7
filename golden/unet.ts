/** The golden cases unet/sd15, unet/sd2 and unet/sdxl: outputs, the loss and every gradient of the denoising UNet. */
import { collectGradients, compileLoss, type LossOptions } from '../src/autodiff/index.js';
import { graphOf, input, type Value } from '../src/graph/index.js';
import { loadNetwork, UNET, type UNetConfig, unet2DCondition } from '../src/models/index.js';
import { type Network, parameterFeeds, Scope } from '../src/nn/index.js';
import { compile, mul, reduceMean, sub } from '../src/ops/index.js';
import { type Tensor, tensor } from '../src/tensor/index.js';
import { GoldenTensors } from './case.js';
import type { Check } from './check.js';
import { gradientChecks } from './gradients.js';

type UNet = Network<UNetConfig>;
type Feeds = ReadonlyMap<string, Tensor>;

/** Computes everything a case folder holds and compares; the options say how the gradients are computed. */
export async function runUnetCase(folder: string, options?: LossOptions): Promise<Check[]> {
  const unet = await loadNetwork(folder, 'unet', UNET);
  const golden = await GoldenTensors.read(folder);
  const feeds = inputFeeds(golden);
  const { outputs, gradients } = await train(unet, feeds, options);
  const odd = feeds.get('odd_sample');
  const computed = {
    'out.sample': outputs.get('prediction'),
    'out.odd_sample': odd && (await predict(unet, new Map([...feeds, ['sample', odd]]))),
    loss: outputs.get('loss'),
  };
  const tolerance = { each: 1e-3, all: 1e-4 };
  const ofGradients = await gradientChecks(folder, golden.all, gradients, tolerance);
  return [...golden.compare(computed, 2e-5), worst(ofGradients.slice(0, -1)), ...ofGradients.slice(-1)];
}

function worst(checks: readonly Check[]): Check {
  const last = checks.reduce((a, b) => (a.error >= b.error ? a : b));
  return { ...last, quantity: `worst of ${checks.length} gradients, ${last.quantity}` };
}

/** The case's inputs by the names they have in Python, in float32. */
function inputFeeds(golden: GoldenTensors): Feeds {
  const inputs = [...golden.all].filter(([name]) => name.startsWith('in.'));
  return new Map(
    inputs.map(([name, { shape, data }]) => [
      name.slice('in.'.length),
      tensor(shape, Float32Array.from(data as Int32Array)),
    ]),
  );
}

/** The UNet on graph inputs of the feeds' shapes. */
function build(unet: UNet, feeds: Feeds) {
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
  return { parameters: scope.parameters, inputs: values, prediction };
}

async function predict(unet: UNet, feeds: Feeds): Promise<Tensor> {
  const session = await compile(graphOf({ prediction: build(unet, feeds).prediction }));
  try {
    return (await session.run(new Map([...feeds, ...parameterFeeds(unet)]))).get('prediction')!;
  } finally {
    await session.dispose();
  }
}

/** loss = mean((prediction − target)²), its gradients by parameter and of `in.sample` and `in.encoder_hidden_states`. */
async function train(unet: UNet, feeds: Feeds, options?: LossOptions) {
  const { parameters, inputs, prediction } = build(unet, feeds);
  const difference = sub(prediction, inputs.get('target')!);
  const loss = reduceMean(mul(difference, difference));
  const requests = new Map([...parameters].map(([key, of]) => [key, { of }]));
  for (const name of ['sample', 'encoder_hidden_states'])
    requests.set(`in.${name}`, { of: inputs.get(name)! });
  const program = await compileLoss({ loss, prediction }, requests, options);
  try {
    const { outputs, gradients } = await program.run(new Map([...feeds, ...parameterFeeds(unet)]));
    return { outputs, gradients: await collectGradients(gradients) };
  } finally {
    await program.dispose();
  }
}
