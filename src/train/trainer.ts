/** Training a Stable Diffusion model on captioned pictures, a step at a time. */
import { basename } from 'node:path';
import { type NoiseSchedule, noiseSchedule } from '../diffusion/index.js';
import {
  type Conditioning,
  type JsonObject,
  momentsToGaussian,
  type PromptEncoder,
  type StableDiffusion,
  scaleLatents,
  stackConditionings,
  timeIds,
  type UNetConfig,
  type VaeConfig,
  vaeScaleFactor,
} from '../models/index.js';
import type { Network } from '../nn/index.js';
import type { Optimizer } from '../peft/index.js';
import { concatenate, Random, type Tensor, tensor, tensorOf } from '../tensor/index.js';
import type { Batch } from './data/image-folder.js';
import { pictureSizesOf, type Sample } from './data/sample.js';
import { type DiffusionBatch, DiffusionObjective } from './diffusion-objective.js';
import { Encodings } from './encodings.js';
import { DivergenceError, Stepper, type StepperOptions, type StepResult } from './stepper.js';

export interface TrainerOptions extends StepperOptions {
  /** Names the noise, the timesteps and what layers draw in every step; 0 unless said. */
  seed?: number;
  /** Micro-batches that a step's batch is split into, for less memory; 1 unless said. */
  accumulate?: number;
  /** The factor on the optimizer's learning rate at each step, counted from 0; 1 unless said. */
  schedule?: (step: number) => number;
  /** Scales the gradients of all trained entries down to this global norm; 1 unless said, off where null. */
  maxGradientNorm?: number | null;
  /** γ of min-SNR weighting; off unless said. */
  minSnrGamma?: number | undefined;
  /** A folder that keeps encoded pictures and captions; in memory alone unless said. */
  cache?: string | undefined;
  /** Whether encoded pictures stay in memory; not of use where each step crops them anew. True unless said. */
  rememberPictures?: boolean | undefined;
}

export interface TrainerStep extends StepResult {
  /** Counted from 1. */
  readonly step: number;
}

/** What a trainer needs of a model whose encoders are elsewhere, or leave memory. */
export interface TrainerParts {
  readonly unet: Network<UNetConfig>;
  /** scheduler_config.json */
  readonly schedulerConfig: JsonObject;
  readonly vaeConfig: VaeConfig;
  readonly encodings: Encodings;
  /** Those that may train; what they make of a caption is computed anew in each step then. */
  readonly textEncoders?: readonly PromptEncoder[] | undefined;
}

/** Gives a sample's pixels, [3, size, size] in [−1, 1]. */
export type LoadPixels = (sample: Sample) => Promise<Float32Array>;

/** Steps depend on the weights, the batch and the step's number, never on what was run before: a resumed run repeats them. */
export class Trainer {
  readonly encodings: Encodings;
  private readonly stepper: Stepper<DiffusionBatch>;
  private readonly noise: NoiseSchedule;
  private readonly vaeConfig: VaeConfig;
  private readonly seed: number;
  /** The text encoder that trains, if one does. */
  private readonly textEncoder: PromptEncoder | undefined;

  constructor(
    model: StableDiffusion | TrainerParts,
    readonly optimizer: Optimizer,
    private readonly options: TrainerOptions = {},
  ) {
    this.noise = noiseSchedule(model.schedulerConfig);
    this.vaeConfig = 'vae' in model ? model.vae.config : model.vaeConfig;
    this.seed = options.seed ?? 0;
    const { cache: folder, rememberPictures } = options;
    this.encodings = 'vae' in model ? new Encodings(model, { folder, rememberPictures }) : model.encodings;
    const trained = new Set(optimizer.tensors.map(({ network }) => network));
    this.textEncoder = model.textEncoders?.find(({ network }) => trained.has(network));
    const objective = new DiffusionObjective(model.unet, this.noise, {
      minSnrGamma: options.minSnrGamma,
      textEncoder: this.textEncoder?.network,
    });
    this.stepper = new Stepper(objective, optimizer, options);
  }

  /** One step on a batch of an ImageFolder. Throws DivergenceError, naming the pictures, where the loss is not finite. */
  step({ samples, pixels }: Pick<Batch, 'samples' | 'pixels'>): Promise<TrainerStep> {
    const size = pixels.data.length / samples.length;
    return this.stepOn(samples, async (sample) => {
      const i = samples.indexOf(sample);
      return pixels.data.subarray(i * size, (i + 1) * size);
    });
  }

  /** The same, reading pictures only where they were not encoded before. */
  async stepOn(samples: readonly Sample[], load: LoadPixels): Promise<TrainerStep> {
    const { accumulate = 1, schedule = () => 1, maxGradientNorm = 1 } = this.options;
    const step = this.optimizer.step;
    const size = Math.ceil(samples.length / accumulate);
    const microBatches: DiffusionBatch[] = [];
    for (let first = 0; first < samples.length; first += size) {
      microBatches.push(await this.prepare(samples.slice(first, first + size), load, '', step, first));
    }
    try {
      const result = await this.stepper.step(microBatches, {
        learningRate: this.optimizer.learningRate * schedule(step),
        // Where nothing moves there is nothing to clip, and gradients need not be held.
        maxGradientNorm: (this.optimizer.learningRate > 0 ? maxGradientNorm : null) ?? undefined,
      });
      return { step: step + 1, ...result };
    } catch (error) {
      if (!(error instanceof DivergenceError)) throw error;
      throw error.withPictures(samples.map(({ entry }) => basename(entry.path)));
    }
  }

  /**
   * The loss on samples with the current weights: the mean over `draws` fixed draws of noise and timestep for each,
   * the same at every call. Changes nothing.
   */
  async evaluate(samples: readonly Sample[], load: LoadPixels, draws = 4): Promise<number> {
    let sum = 0;
    for (let draw = 0; draw < draws; draw++) {
      for (const [i, sample] of samples.entries()) {
        sum += await this.stepper.evaluate(await this.prepare([sample], load, 'evaluation ', draw, i));
      }
    }
    return sum / (draws * samples.length);
  }

  /** Frees what is compiled, and the encoders. */
  async dispose(): Promise<void> {
    await this.stepper.dispose();
    await this.encodings.release();
  }

  /** Draws everything that is random about a sample from streams of its own, named by purpose, step and place. */
  private async prepare(
    samples: readonly Sample[],
    load: LoadPixels,
    purpose: string,
    step: number,
    first: number,
  ): Promise<DiffusionBatch> {
    const latents: Tensor<'float32'>[] = [];
    const noise: Tensor<'float32'>[] = [];
    const timesteps = new Int32Array(samples.length);
    const sampleWeights = Float32Array.from(samples, ({ weight = 1 }) => weight);
    for (const [i, sample] of samples.entries()) {
      const random = (what: string) => new Random(this.seed, purpose + what, step, first + i);
      const moments = await this.encodings.moments(sample.pixelKey, () => load(sample));
      const { mean, std } = momentsToGaussian(moments);
      const posterior = random('posterior').normal(mean.data.length);
      const drawn = mean.data.map((value, k) => value + std.data[k]! * posterior[k]!);
      latents.push(scaleLatents(this.vaeConfig, tensor(mean.shape, drawn)));
      noise.push(tensor(mean.shape, random('noise').normal(mean.data.length)));
      timesteps[i] = random('timesteps').integer(0, this.noise.length);
    }
    return {
      latents: concatenate(latents),
      noise: concatenate(noise),
      timesteps,
      sampleWeights,
      ...(this.textEncoder ? idsOf(this.textEncoder, samples) : await this.statesOf(samples, latents[0]!)),
    };
  }

  /** What the encodings know of the captions and, in Stable Diffusion XL, of the sizes. */
  private async statesOf(
    samples: readonly Sample[],
    { shape }: Tensor,
  ): Promise<Pick<DiffusionBatch, 'condition' | 'pooled' | 'timeIds'>> {
    const [height, width] = shape.slice(2).map((side) => side * vaeScaleFactor(this.vaeConfig));
    const conditionings: Conditioning[] = [];
    for (const sample of samples) {
      conditionings.push({
        ...(await this.encodings.textStates(sample.caption)),
        timeIds: timeIds(pictureSizesOf(sample, [height!, width!])),
      });
    }
    const { encoderHiddenStates, pooled, timeIds: sizes } = stackConditionings(conditionings);
    // Stable Diffusion 1 and 2 have no pooled text, and do not take sizes.
    return { condition: encoderHiddenStates, ...(pooled ? { pooled, timeIds: sizes } : {}) };
  }
}

/** The captions as token ids [B, T]. */
function idsOf({ tokenizer }: PromptEncoder, samples: readonly Sample[]): Pick<DiffusionBatch, 'condition'> {
  const ids = samples.flatMap(({ caption }) => tokenizer.encode(caption));
  return { condition: tensorOf('int32', [samples.length, tokenizer.modelMaxLength], Int32Array.from(ids)) };
}
