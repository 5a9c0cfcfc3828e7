/** Euler steps that go below the next noise level and add noise back (k-diffusion's sample_euler_ancestral; diffusers scheduling_euler_ancestral_discrete.py). */
import { combine } from './combine.js';
import { levelOfRatio, predictionTypeOf, predictSample } from './prediction.js';
import { noiseTerms, type SamplerFactory } from './sampler.js';
import { requireValues } from './scheduler-config.js';
import { sigmaSpace } from './sigma-space.js';
import { sigmaSchedule } from './sigmas.js';

export const eulerAncestral: SamplerFactory = (config, steps) => {
  requireValues(config, { use_karras_sigmas: false, final_sigmas_type: 'zero' });
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

    // u² = σ'² (σ²−σ'²)/σ²,  d² = σ'² − u²:   x' = d/σ x + (1 − d/σ) x₀ + u ε
    step(modelOutput, i, sample, noise) {
      const sigma = sigmas[i]!;
      const next = sigmas[i + 1]!;
      const up = (next * Math.sqrt(sigma ** 2 - next ** 2)) / sigma;
      const ratio = Math.sqrt(next ** 2 - up ** 2) / sigma;

      const x0 = predictSample(
        predictionType,
        levelOfRatio(sigma),
        modelOutput,
        space.scaleModelInput(sample, i),
      );
      const prevSample = combine([ratio, sample], [1 - ratio, x0], ...noiseTerms(up, i, noise));
      return { prevSample, predOriginalSample: x0 };
    },
  };
};
