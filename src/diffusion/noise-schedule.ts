/**
 * The noise schedule of a diffusion model: how much signal is left at each training timestep, and what training needs of it.
 *
 * The tables are float32 and rounded where diffusers rounds them (schedulers/scheduling_ddpm.py at 58eb52c), because published
 * models were trained on those values: 1 − ᾱ of the first timesteps loses four digits when ᾱ is rounded. The rest is float64.
 */
import { InputError } from '../errors.js';
import { levelOfAlphaCumprod, type NoiseLevel, type PredictionType, predictionTypeOf } from './prediction.js';
import { choiceOf, numberOf, type SchedulerConfig, unsupported } from './scheduler-config.js';

/** `count` evenly spaced float32 values, counted from both ends as torch.linspace does. */
function linspace(start: number, end: number, count: number): Float32Array {
  const first = Math.fround(start);
  const last = Math.fround(end);
  const step = Math.fround(Math.fround(last - first) / (count - 1));
  return Float32Array.from({ length: count }, (_, i) =>
    i < count / 2 ? first + step * i : last - step * (count - 1 - i),
  );
}

/** ᾱₜ = Π (1 − βₛ) for s ≤ t: the product in float64, each entry rounded. */
function cumulativeProduct(betas: Float32Array): Float32Array {
  let product = 1;
  return betas
    .map((beta) => 1 - beta)
    .map((alpha) => {
      product *= alpha;
      return product;
    });
}

/** Nichol & Dhariwal 2021, equation 17: ᾱ(t) = cos²((t + 0.008) / 1.008 · π/2), with β at most 0.999. */
function cosineBetas(count: number): Float32Array {
  const alphaBar = (t: number) => Math.cos((((t + 0.008) / 1.008) * Math.PI) / 2) ** 2;
  return Float32Array.from({ length: count }, (_, i) =>
    Math.min(1 - alphaBar((i + 1) / count) / alphaBar(i / count), 0.999),
  );
}

/** Lin et al. 2024, algorithm 1: shift and scale √ᾱ so that the last timestep is pure noise and the first is unchanged. */
function rescaleToZeroTerminalSnr(betas: Float32Array): Float32Array {
  const roots = cumulativeProduct(betas).map(Math.sqrt);
  const first = roots[0]!;
  const last = roots.at(-1)!;
  const stretch = Math.fround(first / Math.fround(first - last));
  const alphasCumprod = roots
    .map((root) => root - last)
    .map((root) => root * stretch)
    .map((root) => root ** 2);
  const alphas = alphasCumprod.map((a, t) => (t === 0 ? a : a / alphasCumprod[t - 1]!));
  return alphas.map((alpha) => 1 - alpha);
}

function betasOf(config: SchedulerConfig, count: number): Float32Array {
  if (Array.isArray(config.trained_betas)) {
    if (config.trained_betas.length !== count)
      throw unsupported(config, 'trained_betas', `an array of ${count} numbers`);
    return Float32Array.from(config.trained_betas, Number);
  }
  const start = numberOf(config, 'beta_start', 0.0001);
  const end = numberOf(config, 'beta_end', 0.02);
  switch (choiceOf(config, 'beta_schedule', ['linear', 'scaled_linear', 'squaredcos_cap_v2'])) {
    case 'linear':
      return linspace(start, end, count);
    case 'scaled_linear':
      return linspace(Math.sqrt(start), Math.sqrt(end), count).map((root) => root ** 2);
    case 'squaredcos_cap_v2':
      return cosineBetas(count);
  }
}

/** Betas, ᾱ and the training formulas; build it with `noiseSchedule(config)`. Batches are rows of equal length, one timestep each. */
export class NoiseSchedule {
  /** βₜ of every training timestep. */
  readonly betas: Float32Array;
  /** ᾱₜ, the share of signal variance left at every training timestep. */
  readonly alphasCumprod: Float32Array;
  readonly predictionType: PredictionType;

  constructor(betas: Float32Array, predictionType: PredictionType) {
    this.betas = betas;
    this.alphasCumprod = cumulativeProduct(betas);
    this.predictionType = predictionType;
  }

  /** Number of training timesteps. */
  get length(): number {
    return this.betas.length;
  }

  /** √ᾱ x₀ + √(1−ᾱ) ε (Ho et al. 2020, equation 4). */
  addNoise(sample: Float32Array, noise: Float32Array, timesteps: ArrayLike<number>): Float32Array {
    return this.mixRows(sample, noise, timesteps, ({ alpha, sigma }) => [alpha, sigma]);
  }

  /** The v target, √ᾱ ε − √(1−ᾱ) x₀. */
  velocity(sample: Float32Array, noise: Float32Array, timesteps: ArrayLike<number>): Float32Array {
    return this.mixRows(sample, noise, timesteps, ({ alpha, sigma }) => [-sigma, alpha]);
  }

  /** What the network is trained to predict. */
  target(sample: Float32Array, noise: Float32Array, timesteps: ArrayLike<number>): Float32Array {
    switch (this.predictionType) {
      case 'epsilon':
        return noise;
      case 'v_prediction':
        return this.velocity(sample, noise, timesteps);
      case 'sample':
        return sample;
    }
  }

  /** Signal-to-noise ratio ᾱ / (1−ᾱ) of each timestep. */
  snr(timesteps: ArrayLike<number>): Float32Array {
    return Float32Array.from(timesteps, (t) => this.alphaCumprod(t) / (1 - this.alphaCumprod(t)));
  }

  /**
   * Loss weight of each timestep (Hang et al. 2023, section 3.4; diffusers train_text_to_image.py): min(SNR, γ), divided by SNR
   * for epsilon and by SNR + 1 for v. Where the SNR is zero the epsilon weight is its limit, 1.
   */
  minSnrWeights(timesteps: ArrayLike<number>, gamma: number): Float32Array {
    const weight: Record<PredictionType, (snr: number) => number> = {
      epsilon: (snr) => Math.min(1, gamma / snr),
      v_prediction: (snr) => Math.min(snr, gamma) / (snr + 1),
      sample: (snr) => Math.min(snr, gamma),
    };
    return this.snr(timesteps).map(weight[this.predictionType]);
  }

  private alphaCumprod(timestep: number): number {
    const value = this.alphasCumprod[timestep];
    if (value === undefined)
      throw new RangeError(`timestep ${timestep} is not a whole number from 0 to ${this.length - 1}`);
    return value;
  }

  private mixRows(
    sample: Float32Array,
    noise: Float32Array,
    timesteps: ArrayLike<number>,
    weights: (level: NoiseLevel) => [sample: number, noise: number],
  ): Float32Array {
    const width = sample.length / timesteps.length;
    if (noise.length !== sample.length || !Number.isInteger(width)) {
      throw new RangeError(
        `${sample.length} samples, ${noise.length} noises and ${timesteps.length} timesteps do not match`,
      );
    }
    const out = new Float32Array(sample.length);
    for (let row = 0; row < timesteps.length; row++) {
      const [a, b] = weights(levelOfAlphaCumprod(this.alphaCumprod(timesteps[row]!)));
      for (let i = row * width; i < (row + 1) * width; i++) out[i] = a * sample[i]! + b * noise[i]!;
    }
    return out;
  }
}

/** The noise schedule of a diffusers scheduler_config.json, whatever sampler it names. */
export function noiseSchedule(config: SchedulerConfig): NoiseSchedule {
  const count = numberOf(config, 'num_train_timesteps', 1000);
  if (!Number.isInteger(count) || count < 2)
    throw unsupported(config, 'num_train_timesteps', 'a whole number above 1');
  const betas = betasOf(config, count);
  if (!betas.every((beta) => beta > 0 && beta < 1)) {
    throw new InputError(
      `scheduler_config.json gives betas outside (0, 1); check beta_start, beta_end and trained_betas.`,
    );
  }
  const rescale = choiceOf(config, 'rescale_betas_zero_snr', [false, true]);
  return new NoiseSchedule(rescale ? rescaleToZeroTerminalSnr(betas) : betas, predictionTypeOf(config));
}
