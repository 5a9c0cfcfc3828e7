/** DDPM: ancestral sampling with the posterior of the forward process (Ho et al. 2020; diffusers scheduling_ddpm.py). */

import { clipSample } from './clip-sample.js';
import { combine } from './combine.js';
import { noiseSchedule } from './noise-schedule.js';
import { levelOfAlphaCumprod, predictSample } from './prediction.js';
import { noiseTerms, type SamplerFactory } from './sampler.js';
import { choiceOf } from './scheduler-config.js';
import { spacedTimesteps } from './timesteps.js';

export const ddpm: SamplerFactory = (config, steps) => {
  const schedule = noiseSchedule(config);
  const timesteps = spacedTimesteps(config, steps, schedule.length, { fallback: 'leading' });
  const clip = clipSample(config);
  const varianceType = choiceOf(config, 'variance_type', ['fixed_small', 'fixed_large']);

  return {
    timesteps,
    initNoiseSigma: 1,
    scaleModelInput: (sample) => sample,

    // Equations 6 and 7, with ᾱ' the ᾱ of the next timestep (1 after the last) and β = 1 − ᾱ/ᾱ':
    // x' = √ᾱ' β/(1−ᾱ) x₀ + √(1−β) (1−ᾱ')/(1−ᾱ) x + s ε,   s² = (1−ᾱ')/(1−ᾱ) β, or β with fixed_large
    step(modelOutput, i, sample, noise) {
      const a = schedule.alphasCumprod[timesteps[i]!]!;
      const aPrev = i + 1 < steps ? schedule.alphasCumprod[timesteps[i + 1]!]! : 1;
      const beta = 1 - a / aPrev;
      const remaining = (1 - aPrev) / (1 - a);
      const deviation = Math.sqrt(varianceType === 'fixed_small' ? remaining * beta : beta);

      const x0 = clip(predictSample(schedule.predictionType, levelOfAlphaCumprod(a), modelOutput, sample));
      const prevSample = combine(
        [(Math.sqrt(aPrev) * beta) / (1 - a), x0],
        [Math.sqrt(1 - beta) * remaining, sample],
        ...noiseTerms(timesteps[i]! > 0 ? deviation : 0, i, noise),
      );
      return { prevSample, predOriginalSample: x0 };
    },
  };
};
