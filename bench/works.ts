/** What is measured of this library: each work builds its model and gives a step to time. */
import { noiseSchedule } from '../src/diffusion/index.js';
import { graphOf, input } from '../src/graph/index.js';
import { parseUNetConfig, type UNetConfig } from '../src/models/index.js';
import { countParameters, type Network, parameterFeeds } from '../src/nn/index.js';
import { compile, gemm } from '../src/ops/index.js';
import { AdamW, AdamWSara, type Optimizer } from '../src/peft/index.js';
import { nuclearNorm } from '../src/peft/sara/nuclear-norm.js';
import type { RuntimeOptions } from '../src/runtime/index.js';
import { Random, sizeOf, tensor } from '../src/tensor/index.js';
import { type DiffusionBatch, DiffusionObjective } from '../src/train/diffusion-objective.js';
import { Stepper, type StepperOptions } from '../src/train/stepper.js';
import { flopsOf } from './flops.js';
import { expectedThreshold, randomUNet } from './random-weights.js';
import { RANK_SHARE, rankMatrices } from './rank-matrices.js';
import type { Size } from './sizes.js';

export interface Work {
  /** What belongs into the result beside times and memory. */
  readonly facts: Facts;
  readonly step: () => Promise<unknown>;
  /** Other numbers of steps than the size's. */
  readonly warmUp?: number;
  readonly steps?: number;
}

export interface Facts {
  readonly parameters?: number;
  readonly trained?: number;
  /** Of one step. */
  readonly flops?: number;
  /** How often each step stands for one of its kind. */
  readonly weights?: readonly number[];
}

/** Stable Diffusion 1.x's training schedule. */
const SCHEDULE = {
  beta_start: 0.00085,
  beta_end: 0.012,
  beta_schedule: 'scaled_linear',
  num_train_timesteps: 1000,
  prediction_type: 'epsilon',
};
/** Side of the square matrices whose product gives the machine's arithmetic rate. */
const GEMM_SIDE = 2048;

export const WORKS = {
  sara: (size, runtime) => training(size, runtime, (unet) => saraOf(unet, size)),
  'sara-checkpoint': (size, runtime) =>
    training(size, { ...runtime, checkpoint: true }, (unet) => saraOf(unet, size)),
  full: (size, runtime) => training(size, runtime, (unet) => new AdamW(unet, { learningRate: 1e-5 })),
  rank: async (size, runtime) => {
    const matrices = rankMatrices(size);
    const inputs = matrices.map(({ shape }) => ({ shape, ...smallEntries(shape) }));
    let next = 0;
    const step = () => {
      const { shape, positions, values } = inputs[next++]!;
      return nuclearNorm(shape, positions, values, runtime);
    };
    return { facts: { weights: matrices.map(({ count }) => count) }, step, warmUp: 0, steps: inputs.length };
  },
  forward: async (size, runtime) => {
    const { unet, objective, batch } = prepare(size);
    const { loss } = objective.build(batch).outputs;
    const graph = graphOf({ loss });
    const session = await compile(graph, runtime);
    const feeds = new Map([...parameterFeeds(unet), ...objective.feeds(batch)]);
    const facts = { parameters: countParameters(unet.parameters), flops: flopsOf(graph) };
    return { facts, step: () => session.run(feeds) };
  },
  gemm: async (_size, runtime) => {
    const [a, b] = ['a', 'b'].map((name) => {
      const data = new Random(0, name).uniform(GEMM_SIDE ** 2);
      return [name, tensor([GEMM_SIDE, GEMM_SIDE], data)] as const;
    });
    const product = gemm(input('a', [GEMM_SIDE, GEMM_SIDE]), input('b', [GEMM_SIDE, GEMM_SIDE]));
    const session = await compile(graphOf({ product }), runtime);
    return { facts: { flops: 2 * GEMM_SIDE ** 3 }, step: () => session.run(new Map([a!, b!])) };
  },
} satisfies Record<string, (size: Size, runtime: RuntimeOptions) => Promise<Work>>;

export type WorkName = keyof typeof WORKS;

function prepare(size: Size) {
  const unet = randomUNet(parseUNetConfig(size.unet));
  const objective = new DiffusionObjective(unet, noiseSchedule(SCHEDULE));
  return { unet, objective, batch: randomBatch(size, unet.config) };
}

async function training(
  size: Size,
  options: StepperOptions,
  optimizerFor: (unet: Network<UNetConfig>) => Optimizer,
): Promise<Work> {
  const { unet, objective, batch } = prepare(size);
  const optimizer = optimizerFor(unet);
  const stepper = new Stepper(objective, optimizer, options);
  return {
    facts: { parameters: countParameters(unet.parameters), trained: optimizer.trainedCount },
    step: () => stepper.step([batch], { maxGradientNorm: 1 }),
  };
}

/** Without the rank loss, which the work `rank` measures alone. */
function saraOf(unet: Network<UNetConfig>, { trained }: Size): AdamWSara {
  return new AdamWSara(unet, { threshold: expectedThreshold(unet.config, trained), lambdaRank: 0 });
}

/** The trained entries of a matrix as it is drawn at first: spread evenly, between plus and minus the threshold. */
function smallEntries(shape: readonly number[]): { positions: Int32Array; values: Float32Array } {
  const random = new Random(0, 'small entries', ...shape);
  const positions = new Int32Array(sizeOf(shape)).map((_, i) => i).filter(() => random.next() < RANK_SHARE);
  return { positions, values: random.uniform(positions.length).map((value) => (value - 0.5) * 4e-3) };
}

function randomBatch({ batch, latents, tokens }: Size, config: UNetConfig): DiffusionBatch {
  const random = new Random(0, 'batch');
  const normal = (shape: readonly number[]) => tensor(shape, random.normal(sizeOf(shape)));
  return {
    latents: normal([batch, ...latents]),
    noise: normal([batch, ...latents]),
    timesteps: random.integers(batch, 0, 1000),
    condition: normal([batch, tokens, [config.cross_attention_dim].flat()[0]!]),
  };
}
