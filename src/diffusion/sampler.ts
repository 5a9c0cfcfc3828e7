/** What every sampler is. A sampler belongs to one generation: it holds that run's timesteps and multistep history. */
import type { SchedulerConfig } from './scheduler-config.js';

/** The standard normal noise of a step, as long as the latent; asked for only by steps that add noise. */
export type NoiseSource = (step: number) => Float32Array;

export interface SamplerStep {
  /** The latent at the next, lower noise level. */
  readonly prevSample: Float32Array;
  /** The clean latent that this network output implies: a preview of the picture. */
  readonly predOriginalSample: Float32Array;
}

export interface Sampler {
  /** The timesteps to give the network, one a call; whole numbers except with Euler's linspace and Karras spacings. */
  readonly timesteps: Float32Array;
  /** Noise-to-signal ratios σ, one more than timesteps, where the sampler works with them. */
  readonly sigmas?: Float32Array;
  /** Multiply standard normal noise by this to get the first latent. */
  readonly initNoiseSigma: number;
  /** The network's input at call `i`. */
  scaleModelInput(sample: Float32Array, i: number): Float32Array;
  /** From the latent of call `i` and the network's output there to the next latent. Calls go in order; `modelOutput` may be reused after. */
  step(modelOutput: Float32Array, i: number, sample: Float32Array, noise?: NoiseSource): SamplerStep;
}

export interface SamplerOptions {
  /** DDIM only: the share of DDPM's noise to add at each step, 0 (the default) to 1. */
  readonly eta?: number;
}

export type SamplerFactory = (config: SchedulerConfig, steps: number, options: SamplerOptions) => Sampler;

/** The common terms of a step that adds noise: none where its deviation is zero. */
export function noiseTerms(
  deviation: number,
  i: number,
  noise: NoiseSource | undefined,
): [number, Float32Array][] {
  if (deviation === 0) return [];
  if (noise === undefined) throw new TypeError(`sampler step ${i} adds noise, but no noise source was given`);
  return [[deviation, noise(i)]];
}
