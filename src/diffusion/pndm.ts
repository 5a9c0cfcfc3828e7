/**
 * PNDM without its Runge–Kutta start, known as PLMS: the sampler Stable Diffusion 1 came with (Liu et al. 2022;
 * diffusers scheduling_pndm.py with skip_prk_steps). The second timestep is visited twice: n steps make n + 1 calls.
 */
import { combine } from './combine.js';
import { noiseSchedule } from './noise-schedule.js';
import { levelOfAlphaCumprod, predictNoise, predictSample } from './prediction.js';
import type { SamplerFactory } from './sampler.js';
import { choiceOf, requireValues, unsupported } from './scheduler-config.js';
import { spacedTimesteps } from './timesteps.js';

/** Adams–Bashforth weights of the newest and earlier outputs, by how many there are (equation 12 of the paper for four). */
const ADAMS_BASHFORTH = [
  [1],
  [3 / 2, -1 / 2],
  [23 / 12, -16 / 12, 5 / 12],
  [55 / 24, -59 / 24, 37 / 24, -9 / 24],
] as const;

export const pndm: SamplerFactory = (config, steps) => {
  if (config.skip_prk_steps !== true) throw unsupported(config, 'skip_prk_steps', 'true');
  requireValues(config, { rescale_betas_zero_snr: false });
  const schedule = noiseSchedule(config);
  const { alphasCumprod, predictionType } = schedule;
  const [first, ...rest] = spacedTimesteps(config, steps, schedule.length, { fallback: 'leading' });
  const timesteps = Float32Array.from([first!, ...rest.slice(0, 1), ...rest]);
  const finalAlphaCumprod = choiceOf(config, 'set_alpha_to_one', [false, true]) ? 1 : alphasCumprod[0]!;
  const stride = Math.floor(schedule.length / steps);

  /** Network outputs, newest first, at most four. */
  let outputs: Float32Array[] = [];
  let firstSample: Float32Array | undefined;

  /**
   * Equation 9, from timestep `t` one stride down:
   * x' = √(ᾱ'/ᾱ) x − (ᾱ'−ᾱ) ε̂ / (ᾱ √(1−ᾱ') + √(ᾱ (1−ᾱ) ᾱ'))
   */
  function transfer(sample: Float32Array, t: number, output: Float32Array): Float32Array {
    const a = alphasCumprod[t]!;
    const aPrev = alphasCumprod[t - stride] ?? finalAlphaCumprod;
    const epsilon = predictNoise(predictionType, levelOfAlphaCumprod(a), output, sample);
    const scale = a * Math.sqrt(1 - aPrev) + Math.sqrt(a * (1 - a) * aPrev);
    return combine([Math.sqrt(aPrev / a), sample], [(a - aPrev) / scale, epsilon]);
  }

  return {
    timesteps,
    initNoiseSigma: 1,
    scaleModelInput: (sample) => sample,

    step(modelOutput, i, sample) {
      const t = timesteps[i]!;
      const predOriginalSample = predictSample(
        predictionType,
        levelOfAlphaCumprod(alphasCumprod[t]!),
        modelOutput,
        sample,
      );
      // The second call repeats the first step with the mean of the outputs at its two ends (Heun's method).
      if (i === 1 && firstSample) {
        const mean = combine([1 / 2, modelOutput], [1 / 2, outputs[0]!]);
        return { prevSample: transfer(firstSample, t + stride, mean), predOriginalSample };
      }
      if (i === 0) firstSample = sample;
      outputs = [modelOutput.slice(), ...outputs.slice(0, 3)];
      const weights = ADAMS_BASHFORTH[outputs.length - 1]!;
      const output = combine(...outputs.map((values, k) => [weights[k]!, values] as const));
      return { prevSample: transfer(sample, t, output), predOriginalSample };
    },
  };
};
