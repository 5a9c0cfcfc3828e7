/** Training with this library: each method on a UNet with random weights, or on one that is loaded first. */
import { noiseSchedule } from '../src/diffusion/index.js';
import { loadNetwork, parseVaeConfig, UNET, type UNetConfig } from '../src/models/index.js';
import { countParameters, type Network } from '../src/nn/index.js';
import { AdamW, AdamWSara, METHODS, type Optimizer } from '../src/peft/index.js';
import { Random, sizeOf, type Tensor, tensor } from '../src/tensor/index.js';
import { type DiffusionBatch, DiffusionObjective } from '../src/train/diffusion-objective.js';
import { estimateMemory } from '../src/train/memory/estimate.js';
import { shapeOnlyBatch } from '../src/train/memory/shape-only.js';
import { Stepper, type StepperOptions } from '../src/train/stepper.js';
import { SD15 } from './model-configs.js';
import { expectedThreshold, randomNetwork, type WeightDType } from './random-weights.js';
import type { Case } from './sizes.js';
import { each } from './timing.js';
import type { Work, WorkOptions } from './works.js';

export interface Training {
  /** How the UNet's weights are kept; float32 unless said. */
  readonly weights?: WeightDType;
  readonly stepper?: StepperOptions;
  readonly optimizer: (unet: Network<UNetConfig>, of: Case) => Optimizer;
}

/** Without the rank loss, which the work `rank` measures alone. */
const sara = (unet: Network<UNetConfig>, of: Case): Optimizer =>
  new AdamWSara(unet, { threshold: expectedThreshold(of.unet, of.trained), lambdaRank: 0 });

export const TRAININGS: Readonly<Record<string, Training>> = {
  sara: { optimizer: sara },
  'sara-checkpoint': { stepper: { checkpoint: true }, optimizer: sara },
  'sara-half': { weights: 'float16', optimizer: sara },
  'sara-half-checkpoint': { weights: 'float16', stepper: { checkpoint: true }, optimizer: sara },
  full: { optimizer: (unet) => new AdamW(unet, { learningRate: 1e-5 }) },
};

/** Steps on random weights. */
export async function training(of: Case, options: WorkOptions, method: Training): Promise<Work> {
  const unet = randomNetwork('unet', UNET, of.unet, method.weights);
  const { optimizer, step } = steps(unet, of, options, method);
  const facts = {
    parameters: countParameters(unet.parameters),
    trained: optimizer.trainedCount,
    toldBytes: toldBytes(unet, of, optimizer, method),
  };
  return { facts, times: each(step) };
}

/** From a checkpoint on disk to the end of the first step, of which there is one; imports are in no part. */
export async function starting(of: Case, options: WorkOptions, method: Training): Promise<Work> {
  const started = performance.now();
  const unet = await loadNetwork(options.checkpoint, 'unet', UNET);
  const loaded = performance.now();
  const { optimizer, step } = steps(unet, of, options, method);
  const selected = performance.now();
  const parts = { load: (loaded - started) / 1000, select: (selected - loaded) / 1000 };
  const facts = { trained: optimizer.trainedCount };
  return { facts, times: each(step), parts: async () => parts, warmUp: 0, steps: 1 };
}

function steps(unet: Network<UNetConfig>, of: Case, { threads }: WorkOptions, method: Training) {
  const objective = new DiffusionObjective(unet, noiseSchedule(of.scheduler));
  const batch = randomBatch(of, unet.config);
  const optimizer = method.optimizer(unet, of);
  const stepper = new Stepper(objective, optimizer, { threads, ...method.stepper });
  return { optimizer, step: () => stepper.step([batch], { maxGradientNorm: 1 }) };
}

/** The memory that `sara train` would tell beforehand. */
function toldBytes(unet: Network<UNetConfig>, of: Case, { tensors }: Optimizer, method: Training): number {
  const trained = new Map(
    tensors.flatMap(({ key, selected }) => (selected ? [[key, selected.length] as const] : [])),
  );
  return estimateMemory({
    ...{ unet: unet.config, vae: parseVaeConfig(of.vae ?? SD15.vae), encoderBytes: 0, encodersStay: false },
    ...{ weightDtype: method.weights ?? 'float32', trained, checkpoint: method.stepper?.checkpoint ?? false },
    state: METHODS[trained.size > 0 ? 'sara' : 'full'].cost.state,
    ...{ size: of.pixels, batch: of.batch, accumulate: 1, tokens: of.tokens },
    ...{ clips: true, average: false, draws: false },
  }).peak;
}

export function randomBatch(of: Case, config: UNetConfig): DiffusionBatch {
  const random = new Random(0, 'batch');
  const filled = ({ shape }: Tensor) => tensor(shape, random.normal(sizeOf(shape)));
  const { latents, noise, condition, pooled, timeIds } = shapeOnlyBatch(config, of);
  return {
    latents: filled(latents),
    noise: filled(noise),
    timesteps: random.integers(of.batch, 0, 1000),
    condition: filled(condition),
    pooled: pooled && filled(pooled),
    timeIds: timeIds && filled(timeIds),
  };
}
