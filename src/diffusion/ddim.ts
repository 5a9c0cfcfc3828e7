/** DDIM: deterministic at eta 0, as noisy as DDPM at eta 1 (Song et al. 2021; diffusers scheduling_ddim.py). */
import { InputError } from '../errors.js';
import { clipSample } from './clip-sample.js';
import { combine } from './combine.js';
import { noiseSchedule } from './noise-schedule.js';
import { levelOfAlphaCumprod, predictNoise, predictSample } from './prediction.js';
import { noiseTerms, type SamplerFactory } from './sampler.js';
import { choiceOf } from './scheduler-config.js';
import { spacedTimesteps } from './timesteps.js';

export const ddim: SamplerFactory = (config, steps, { eta = 0 }) => {
  if (!(eta >= 0 && eta <= 1)) throw new InputError(`eta: expected a number from 0 to 1, got ${eta}.`);
  const schedule = noiseSchedule(config);
  const { alphasCumprod, predictionType } = schedule;
  const timesteps = spacedTimesteps(config, steps, schedule.length, { fallback: 'leading' });
  const clip = clipSample(config);
  const finalAlphaCumprod = choiceOf(config, 'set_alpha_to_one', [true, false]) ? 1 : alphasCumprod[0]!;
  const stride = Math.floor(schedule.length / steps);

  return {
    timesteps,
    initNoiseSigma: 1,
    scaleModelInput: (sample) => sample,

    // Equations 12 and 16, with ᾱ' the ᾱ one stride below (whatever timestep comes next):
    // x' = √ᾱ' x₀ + √(1−ᾱ'−s²) ε̂ + s ε,   s = η √((1−ᾱ')/(1−ᾱ) (1−ᾱ/ᾱ'))
    step(modelOutput, i, sample, noise) {
      const t = timesteps[i]!;
      const a = alphasCumprod[t]!;
      const aPrev = alphasCumprod[t - stride] ?? finalAlphaCumprod;
      const deviation = eta * Math.sqrt(((1 - aPrev) / (1 - a)) * (1 - a / aPrev));

      const level = levelOfAlphaCumprod(a);
      const x0 = clip(predictSample(predictionType, level, modelOutput, sample));
      const prevSample = combine(
        [Math.sqrt(aPrev), x0],
        [Math.sqrt(1 - aPrev - deviation ** 2), predictNoise(predictionType, level, modelOutput, sample)],
        ...noiseTerms(deviation, i, noise),
      );
      return { prevSample, predOriginalSample: x0 };
    },
  };
};
