/** The unscaled latents x₀ + σ ε in which both Euler samplers step. */
import { combine } from './combine.js';
import { levelOfRatio } from './prediction.js';
import type { Sampler } from './sampler.js';
import type { SchedulerConfig } from './scheduler-config.js';
import type { SigmaSchedule } from './sigmas.js';
import { spacingOf } from './timesteps.js';

/** All of a sampler but its step: the network's input is (x₀ + σ ε) / √(σ²+1). */
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
