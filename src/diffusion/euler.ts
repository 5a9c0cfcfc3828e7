/** Euler's method on the probability-flow ODE, in x₀ + σ ε (Karras et al. 2022, algorithm 2 without churn; diffusers scheduling_euler_discrete.py). */
import { combine } from './combine.js';
import { levelOfRatio, predictionTypeOf, predictSample } from './prediction.js';
import type { SamplerFactory } from './sampler.js';
import { requireValues } from './scheduler-config.js';
import { sigmaSpace } from './sigma-space.js';
import { sigmaSchedule } from './sigmas.js';

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
