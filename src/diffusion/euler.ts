/** Euler's method on the probability-flow ODE, in x₀ + σ ε (Karras et al. 2022, algorithm 2 without churn; diffusers scheduling_euler_discrete.py). */
import { combine } from './combine.js';
import { levelOfRatio, predictionTypeOf, predictSample } from './prediction.js';
import type { Sampler, SamplerFactory } from './sampler.js';
import { requireValues, type SchedulerConfig } from './scheduler-config.js';
import { type SigmaSchedule, sigmaSchedule } from './sigmas.js';
import { spacingOf } from './timesteps.js';

/** The network's input, (x₀ + σ ε) / √(σ²+1), and the deviation of the first latent: what both Euler samplers share. */
export function sigmaSpace(
  config: SchedulerConfig,
  { timesteps, sigmas }: SigmaSchedule,
): Pick<Sampler, 'timesteps' | 'sigmas' | 'initNoiseSigma' | 'scaleModelInput'> {
  const first = sigmas[0]!;
  return {
    timesteps,
    sigmas,
    initNoiseSigma: spacingOf(config, 'linspace') === 'leading' ? Math.sqrt(first ** 2 + 1) : first,
    scaleModelInput: (sample, i) => combine([levelOfRatio(sigmas[i]!).alpha, sample]),
  };
}

export const euler: SamplerFactory = (config, steps) => {
  requireValues(config, { interpolation_type: 'linear', timestep_type: 'discrete' });
  const schedule = sigmaSchedule(config, steps, {
    fallback: 'linspace',
    fractional: true,
    karrasEnds: 'visited',
  });
  const { sigmas } = schedule;
  const predictionType = predictionTypeOf(config);
  const space = sigmaSpace(config, schedule);

  return {
    ...space,

    // x' = x + (σ'−σ) (x−x₀)/σ = σ'/σ x + (1 − σ'/σ) x₀
    step(modelOutput, i, sample) {
      const level = levelOfRatio(sigmas[i]!);
      const x0 = predictSample(predictionType, level, modelOutput, space.scaleModelInput(sample, i));
      const ratio = sigmas[i + 1]! / sigmas[i]!;
      return { prevSample: combine([ratio, sample], [1 - ratio, x0]), predOriginalSample: x0 };
    },
  };
};
