/** The memory of a run as its configuration describes it, told from the model's headers and a few of its weights. */
import { InputError } from '../../errors.js';
import { type ClipTextConfig, modelConfigs, UNET } from '../../models/index.js';
import type { ModelFiles } from '../../models/model-files.js';
import type { Weights } from '../../models/weights.js';
import { METHODS } from '../../peft/index.js';
import { sizeOf } from '../../tensor/index.js';
import type { TrainConfig } from '../config.js';
import { keyFilter } from '../key-filter.js';
import { learnsToken } from '../learned-token.js';
import { DEFAULT_THRESHOLD, methodOptions } from '../method-settings.js';
import { type Advice, adviceFor } from './advice.js';
import { estimateLargest, type MemoryEstimate, type MemoryRequest } from './estimate.js';
import { memoryLimit } from './limit.js';
import { shapeOnlyNetwork } from './shape-only.js';
import { countsBelow, countsInAll, countsOfWhole } from './trained-counts.js';

export interface RunEstimate extends MemoryEstimate {
  /** What this machine has. */
  readonly limit: number;
  /** What would make the run fit, where it does not. */
  readonly advice: Advice | undefined;
}

/** Pictures that a run trains on and draws. */
interface RunPictures {
  /** Side of all of them, in pixels. */
  readonly size: number;
  /** Whether some are drawn now and then. */
  readonly draws: boolean;
  /** Whether some are drawn before training; not unless said. */
  readonly drawsFirst?: boolean;
}

/** Throws InputError where not even the weights and what trains fit, whatever the settings. */
export async function estimateRun(
  config: TrainConfig,
  files: ModelFiles,
  run: RunPictures,
  limit = memoryLimit(),
): Promise<RunEstimate> {
  const parts = await partsOf(config, files, run);
  const estimate = estimateLargest(parts);
  if (estimate.peak <= limit) return { ...estimate, limit, advice: undefined };
  const { float16 } = METHODS[config.method].cost.state;
  const canHalve = float16 !== undefined && config.ema === 'off' && isStoredInHalf(unetOf(files));
  const advice = adviceFor(parts, limit, canHalve);
  if (estimate.least > limit && !advice) {
    throw new InputError(
      `weights and what trains take ${gigabytes(estimate.least)}, this machine has ${gigabytes(limit)}; train fewer weights with --params, or a smaller model`,
    );
  }
  return { ...estimate, limit, advice };
}

const gigabytes = (bytes: number): string => `${(bytes / 1e9).toFixed(1)} GB`;

/** What the run does one after the other: it may search what to train, and trains. */
async function partsOf(
  config: TrainConfig,
  files: ModelFiles,
  { size, draws, drawsFirst = false }: RunPictures,
): Promise<MemoryRequest[]> {
  const { unet, vae, textEncoders } = modelConfigs(files);
  const encoders = [...files.networks].filter(([name]) => name !== 'unet');
  const { state, search } = METHODS[config.method].cost;
  const addition = METHODS[config.method].addition?.(shapeOnlyNetwork('unet', UNET, unet), {
    ...methodOptions(config),
    parameters: chosenBy(config, unetOf(files)),
  });
  const training: MemoryRequest = {
    unet,
    vae,
    encoderBytes: 4 * encoders.reduce((sum, [, { weights }]) => sum + entriesOf(weights), 0),
    encodersStay: config.crop !== 'centre',
    weightDtype: config.weightDtype,
    trained: addition
      ? countsOfWhole(unetOf(files), () => false)
      : await trainedCounts(config, unetOf(files)),
    addition,
    textEncoder: learnsToken(config) ? withRows(textEncoders[0]!, config.vectors) : undefined,
    state,
    size,
    batch: config.batch,
    prior: config.classPrompt !== undefined,
    accumulate: config.accumulate,
    tokens: textEncoders[0]!.max_position_embeddings,
    checkpoint: config.gradientCheckpointing,
    clips: config.maxGradientNorm !== 'off',
    average: config.ema !== 'off',
    draws,
    drawsFirst,
  };
  if (!search) return [training];
  const searching = {
    ...training,
    trained: countsOfWhole(unetOf(files), chosenBy(config, unetOf(files))),
    state: { float32: search.state, float16: search.state },
    clips: search.moves && training.clips,
    ...(search.samples === undefined ? {} : { batch: search.samples, accumulate: 1 }),
  };
  return [searching, training];
}

function withRows(config: ClipTextConfig, rows: number): MemoryRequest['textEncoder'] {
  return { config: { ...config, vocab_size: config.vocab_size + rows }, rows };
}

const unetOf = (files: ModelFiles): Weights => files.networks.get('unet')!.weights;

function trainedCounts(
  config: TrainConfig,
  weights: Weights,
): Promise<ReadonlyMap<string, number>> | ReadonlyMap<string, number> {
  if (learnsToken(config)) return countsOfWhole(weights, () => false);
  const chosen = chosenBy(config, weights);
  if (config.method === 'full') return countsOfWhole(weights, chosen);
  if (config.params !== undefined) return countsInAll(weights, config.params, chosen);
  return countsBelow(weights, config.threshold ?? DEFAULT_THRESHOLD, chosen);
}

const chosenBy = ({ trainOnly }: TrainConfig, { tensors }: Weights): ((key: string) => boolean) =>
  keyFilter(trainOnly, tensors.keys());

const entriesOf = ({ tensors }: Weights): number =>
  [...tensors.values()].reduce((sum, { shape }) => sum + sizeOf(shape), 0);

const isStoredInHalf = ({ tensors }: Weights): boolean =>
  [...tensors.values()].every(({ dtype }) => dtype === 'float16');
