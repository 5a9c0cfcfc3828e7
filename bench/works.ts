/** What is measured of this library: each work builds its model and gives a step to time. */
import { noiseSchedule } from '../src/diffusion/index.js';
import { graphOf, input } from '../src/graph/index.js';
import { UNET } from '../src/models/index.js';
import { countParameters, parameterFeeds } from '../src/nn/index.js';
import { compile, gemm } from '../src/ops/index.js';
import { nuclearNorm } from '../src/peft/index.js';
import type { RuntimeOptions } from '../src/runtime/index.js';
import { Random, sizeOf, tensor } from '../src/tensor/index.js';
import { DiffusionObjective } from '../src/train/diffusion-objective.js';
import { adapterSwitching } from './adapter-switching.js';
import { flopsOf } from './flops.js';
import { randomNetwork } from './random-weights.js';
import { RANK_SHARE, rankMatrices } from './rank-matrices.js';
import { sampling } from './sampling.js';
import type { Case } from './sizes.js';
import { each, type TimedSteps } from './timing.js';
import { randomBatch, starting, TRAININGS, training } from './trainings.js';

export interface Work {
  /** What belongs into the result beside times and memory. */
  readonly facts: Facts;
  readonly times: TimedSteps;
  /** Seconds of what is measured beside the steps, asked for when those are done. */
  readonly parts?: () => Promise<Parts>;
  /** Other numbers of steps than the size's. */
  readonly warmUp?: number;
  readonly steps?: number;
}

/** Seconds by name. */
export type Parts = Readonly<Record<string, number>>;

export interface Facts {
  readonly parameters?: number;
  readonly trained?: number;
  /** Of one step. */
  readonly flops?: number;
  /** What `sara train` would tell beforehand. */
  readonly toldBytes?: number;
  /** How often each step stands for one of its kind. */
  readonly weights?: readonly number[];
}

/** What a work is told beside its case. */
export interface WorkOptions extends RuntimeOptions {
  /** A UNet's folder in float16, for works that start from one. */
  readonly checkpoint: string;
}

/** Side of the square matrices whose product gives the machine's arithmetic rate. */
const GEMM_SIDE = 2048;

export const WORKS: Readonly<Record<string, (of: Case, options: WorkOptions) => Promise<Work>>> = {
  ...Object.fromEntries(
    Object.entries(TRAININGS).flatMap(([name, method]) => [
      [name, (of: Case, options: WorkOptions) => training(of, options, method)],
      [`start-${name}`, (of: Case, options: WorkOptions) => starting(of, options, method)],
    ]),
  ),
  sample: sampling,
  adapters: adapterSwitching,
  rank: async (of, { threads }) => {
    const matrices = rankMatrices(of.unet);
    const inputs = matrices.map(({ shape }) => ({ shape, ...smallEntries(shape) }));
    let next = 0;
    const step = () => {
      const { shape, positions, values } = inputs[next++]!;
      return nuclearNorm(shape, positions, values, { threads });
    };
    const weights = matrices.map(({ count }) => count);
    return { facts: { weights }, times: each(step), warmUp: 0, steps: inputs.length };
  },
  forward: async (of, { threads }) => {
    const unet = randomNetwork('unet', UNET, of.unet);
    const objective = new DiffusionObjective(unet, noiseSchedule(of.scheduler));
    const batch = randomBatch(of, unet.config);
    const graph = graphOf({ loss: objective.build(batch).outputs.loss });
    const session = await compile(graph, { threads });
    const feeds = new Map([...parameterFeeds(unet), ...objective.feeds(batch)]);
    const facts = { parameters: countParameters(unet.parameters), flops: flopsOf(graph) };
    return { facts, times: each(() => session.run(feeds)) };
  },
  gemm: async (_of, { threads }) => {
    const [a, b] = ['a', 'b'].map((name) => {
      const data = new Random(0, name).uniform(GEMM_SIDE ** 2);
      return [name, tensor([GEMM_SIDE, GEMM_SIDE], data)] as const;
    });
    const product = gemm(input('a', [GEMM_SIDE, GEMM_SIDE]), input('b', [GEMM_SIDE, GEMM_SIDE]));
    const session = await compile(graphOf({ product }), { threads });
    const step = () => session.run(new Map([a!, b!]));
    return { facts: { flops: 2 * GEMM_SIDE ** 3 }, times: each(step), warmUp: 5, steps: 30 };
  },
};

/** The trained entries of a matrix as it is drawn at first: spread evenly, between plus and minus the threshold. */
function smallEntries(shape: readonly number[]): { positions: Int32Array; values: Float32Array } {
  const random = new Random(0, 'small entries', ...shape);
  const positions = new Int32Array(sizeOf(shape)).map((_, i) => i).filter(() => random.next() < RANK_SHARE);
  return { positions, values: random.uniform(positions.length).map((value) => (value - 0.5) * 4e-3) };
}
