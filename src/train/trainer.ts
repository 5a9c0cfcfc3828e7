/** Training a Stable Diffusion model on captioned pictures, a step at a time. */
import { basename } from 'node:path';
import { type NoiseSchedule, noiseSchedule } from '../diffusion/index.js';
import { momentsToGaussian, type StableDiffusion, scaleLatents, type VaeConfig } from '../models/index.js';
import type { Optimizer } from '../peft/index.js';
import { Random, type Tensor, tensor } from '../tensor/index.js';
import type { Batch, Sample } from './data/image-folder.js';
import { type DiffusionBatch, DiffusionObjective } from './diffusion-objective.js';
import { Encodings } from './encodings.js';
import { DivergenceError, Stepper, type StepperOptions, type StepResult } from './stepper.js';

export interface TrainerOptions extends StepperOptions {
  /** Names the noise and the timesteps of every step; 0 unless said. */
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

/** Gives a sample's pixels, [3, size, size] in [−1, 1]. */
export type LoadPixels = (sample: Sample) => Promise<Float32Array>;

/** Steps depend on the weights, the batch and the step's number, never on what was run before: a resumed run repeats them. */
export class Trainer {
  readonly encodings: Encodings;
  private readonly stepper: Stepper<DiffusionBatch>;
  private readonly noise: NoiseSchedule;
  private readonly vaeConfig: VaeConfig;
  private readonly seed: number;

  constructor(
    sd: StableDiffusion,
    readonly optimizer: Optimizer,
    private readonly options: TrainerOptions = {},
  ) {
    this.noise = noiseSchedule(sd.schedulerConfig);
    this.vaeConfig = sd.vae.config;
    this.seed = options.seed ?? 0;
    this.encodings = new Encodings(sd, { folder: options.cache, rememberPictures: options.rememberPictures });
    const objective = new DiffusionObjective(sd.unet, this.noise, { minSnrGamma: options.minSnrGamma });
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
        maxGradientNorm: maxGradientNorm ?? undefined,
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
    const noise: Float32Array[] = [];
    const states: Tensor<'float32'>[] = [];
    const timesteps = new Int32Array(samples.length);
    for (const [i, sample] of samples.entries()) {
      const random = (what: string) => new Random(this.seed, purpose + what, step, first + i);
      const moments = await this.encodings.moments(sample.pixelKey, () => load(sample));
      const { mean, std } = momentsToGaussian(moments);
      const posterior = random('posterior').normal(mean.data.length);
      const drawn = mean.data.map((value, k) => value + std.data[k]! * posterior[k]!);
      latents.push(scaleLatents(this.vaeConfig, tensor(mean.shape, drawn)));
      noise.push(random('noise').normal(mean.data.length));
      states.push(await this.encodings.textStates(sample.caption));
      timesteps[i] = random('timesteps').integer(0, this.noise.length);
    }
    const stacked = stack(latents);
    return {
      latents: stacked,
      noise: stack(noise.map((data) => tensor(latents[0]!.shape, data))),
      timesteps,
      condition: stack(states),
    };
  }
}

/** Tensors [1, …] of equal shape as one [B, …]. */
function stack(parts: readonly Tensor<'float32'>[]): Tensor<'float32'> {
  const size = parts[0]!.data.length;
  const data = new Float32Array(parts.length * size);
  parts.forEach((part, i) => {
    data.set(part.data, i * size);
  });
  return tensor([parts.length, ...parts[0]!.shape.slice(1)], data);
}
