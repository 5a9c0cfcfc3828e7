/** The golden case peft/dreambooth: losses of a subject and of its class, and the gradients of their sum. */
import { join } from 'node:path';
import { collectGradients, compileLoss } from '../src/autodiff/index.js';
import { parameterFeeds } from '../src/nn/index.js';
import type { Tensor } from '../src/tensor/index.js';
import { withPrior } from '../src/train/data/prior.js';
import type { DiffusionBatch } from '../src/train/diffusion-objective.js';
import { GoldenTensors, readDescription } from './case.js';
import { absMax, type Bounds, boundsChecks, type Check } from './check.js';
import { GivenTargetObjective, loadTextEncoder } from './given-target.js';
import { DATA, loadBase } from './sara.js';

interface Description {
  lambda: number[];
  instance_loss: number;
  prior_loss: number;
  loss: number[];
  bounds: Record<string, Bounds>;
}

/** Of losses and of gradients' norms. */
const RTOL = { loss: 1e-5, norm: 1e-4, gradient: 1e-4 };

export async function runDreamBoothCase(folder: string): Promise<Check[]> {
  const { lambda, instance_loss, prior_loss, loss, bounds } = await readDescription<Description>(folder);
  const golden = await GoldenTensors.read(folder, DATA);
  const unet = await loadBase(join(folder, '../../sara/base'));
  const textEncoder = await loadTextEncoder(join(folder, '../text-encoder'));
  const objective = new GivenTargetObjective(unet, textEncoder);
  const batch: DiffusionBatch = {
    latents: golden.float32('in.latents'),
    noise: golden.float32('in.target'),
    timesteps: golden.int32('in.timesteps').data,
    condition: golden.int32('in.input_ids'),
  };
  const { outputs, weights } = objective.build(batch);
  const of = [...unet.parameters.keys()].map((key) => [key, { of: weights.get(`unet.${key}`)! }] as const);
  const program = await compileLoss(outputs, new Map(of));
  const run = async (weightsOf: Float32Array) => {
    const feeds = objective.feeds({ ...batch, sampleWeights: weightsOf });
    const found = await program.run(
      new Map<string, Tensor>([...parameterFeeds(unet, textEncoder), ...feeds]),
    );
    return {
      loss: Number(found.outputs.get('loss')!.data[0]),
      sample: found.outputs.get('prediction')!.data as Float32Array,
      gradients: await collectGradients(found.gradients),
    };
  };
  const half = batch.timesteps.length / 2;
  const whole = await run(sampleWeights(half, lambda[0]!));
  const other = await run(sampleWeights(half, lambda[1]!));
  const none = await run(sampleWeights(half, 0));
  await program.dispose();

  const keys = [...unet.parameters.keys()];
  const norms = (gradients: ReadonlyMap<string, Float32Array>) =>
    keys.map((key) => Math.sqrt(gradients.get(key)!.reduce((sum, value) => sum + value * value, 0)));
  const stored = keys.filter((key) => golden.has(`grad.${key}`));
  return [
    {
      quantity: 'out.sample',
      error: absMax(whole.sample, golden.float32('out.sample').data),
      tolerance: 5e-5,
    },
    relative('instance_loss', [none.loss], [instance_loss], RTOL.loss),
    relative('prior_loss', [(whole.loss - none.loss) / lambda[0]!], [prior_loss], RTOL.loss),
    relative('loss', [whole.loss, other.loss], loss, RTOL.loss),
    relative('grad.norms', norms(whole.gradients), golden.get('grad.norms').data as Float64Array, RTOL.norm),
    relative(
      'grad.half.norms',
      norms(other.gradients),
      golden.get('grad.half.norms').data as Float64Array,
      RTOL.norm,
    ),
    ...stored.flatMap((key) => {
      const want = golden.float32(`grad.${key}`).data;
      return boundsChecks(
        `grad.${key}`,
        whole.gradients.get(key)!,
        want,
        bounds['grad.<parameter>']!,
        RTOL.gradient,
      );
    }),
  ];
}

/** Those that training gives, in the case's order: the subject's half first. */
function sampleWeights(half: number, lambda: number): Float32Array {
  const nothing = new Array(half).fill({});
  const weights = withPrior(nothing, nothing, lambda).map(({ weight }) => weight!);
  return Float32Array.from([0, 1].flatMap((part) => weights.filter((_, i) => i % 2 === part)));
}

function relative(
  quantity: string,
  actual: readonly number[],
  expected: ArrayLike<number>,
  tolerance: number,
): Check {
  const errors = actual.map((value, i) => Math.abs(value - expected[i]!) / Math.abs(expected[i]!));
  return { quantity, error: Math.max(...errors), tolerance };
}
