/** What a network predicts, and how to get the clean latent or the noise from it. */
import { InputError } from '../errors.js';
import { combine } from './combine.js';
import { choiceOf, type SchedulerConfig } from './scheduler-config.js';

/** epsilon: the noise; v_prediction: α ε − σ x₀ (Salimans & Ho 2022, appendix D); sample: x₀. */
export type PredictionType = 'epsilon' | 'v_prediction' | 'sample';

export function predictionTypeOf(config: SchedulerConfig): PredictionType {
  return choiceOf(config, 'prediction_type', ['epsilon', 'v_prediction', 'sample']);
}

/** A noise level of the variance-preserving process: x = alpha x₀ + sigma ε with alpha² + sigma² = 1. */
export interface NoiseLevel {
  readonly alpha: number;
  readonly sigma: number;
}

/** The level at which alpha² = ᾱ. */
export function levelOfAlphaCumprod(alphaCumprod: number): NoiseLevel {
  return { alpha: Math.sqrt(alphaCumprod), sigma: Math.sqrt(1 - alphaCumprod) };
}

/** The level at which sigma / alpha is the `ratio`, the σ of Karras et al. 2022. */
export function levelOfRatio(ratio: number): NoiseLevel {
  const alpha = 1 / Math.sqrt(ratio ** 2 + 1);
  return { alpha, sigma: ratio * alpha };
}

/** The clean latent x₀ that a network output at `x` implies, in new memory. */
export function predictSample(
  type: PredictionType,
  { alpha, sigma }: NoiseLevel,
  output: Float32Array,
  x: Float32Array,
): Float32Array {
  switch (type) {
    case 'epsilon':
      if (alpha === 0) {
        throw new InputError(
          'prediction_type "epsilon" says nothing about a latent of pure noise, where a schedule with rescale_betas_zero_snr starts; use a v_prediction model or timestep_spacing "leading".',
        );
      }
      return combine([1 / alpha, x], [-sigma / alpha, output]);
    case 'v_prediction':
      return combine([alpha, x], [-sigma, output]);
    case 'sample':
      return output.slice();
  }
}

/** The noise ε that a network output at `x` implies. */
export function predictNoise(
  type: PredictionType,
  { alpha, sigma }: NoiseLevel,
  output: Float32Array,
  x: Float32Array,
): Float32Array {
  switch (type) {
    case 'epsilon':
      return output;
    case 'v_prediction':
      return combine([sigma, x], [alpha, output]);
    case 'sample':
      return combine([1 / sigma, x], [-alpha / sigma, output]);
  }
}
