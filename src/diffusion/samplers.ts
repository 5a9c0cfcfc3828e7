/** The table of samplers: by diffusers class name for scheduler_config.json, by friendly name for people. */
import { InputError } from '../errors.js';
import { ddim } from './ddim.js';
import { ddpm } from './ddpm.js';
import { dpmSolver } from './dpm-solver.js';
import { euler } from './euler.js';
import { eulerAncestral } from './euler-ancestral.js';
import { pndm } from './pndm.js';
import type { Sampler, SamplerFactory, SamplerOptions } from './sampler.js';
import { type SchedulerConfig, unsupported } from './scheduler-config.js';
import { uniPc } from './unipc.js';

const FACTORIES: Readonly<Record<string, SamplerFactory>> = {
  DDPMScheduler: ddpm,
  DDIMScheduler: ddim,
  PNDMScheduler: pndm,
  EulerDiscreteScheduler: euler,
  EulerAncestralDiscreteScheduler: eulerAncestral,
  DPMSolverMultistepScheduler: dpmSolver,
  UniPCMultistepScheduler: uniPc,
};

/** A fresh sampler for one generation, as scheduler_config.json describes it; throws InputError where it cannot be followed. */
export function createSampler(config: SchedulerConfig, steps: number, options: SamplerOptions = {}): Sampler {
  const name = config._class_name;
  if (typeof name !== 'string' || !Object.hasOwn(FACTORIES, name)) {
    throw unsupported(config, '_class_name', Object.keys(FACTORIES).join(', '));
  }
  if (options.eta !== undefined && name !== 'DDIMScheduler') {
    throw new InputError(
      `eta ${options.eta} has no effect in ${name}; leave it out or use the sampler ddim.`,
    );
  }
  return FACTORIES[name]!(config, steps, options);
}

const DPMPP_2M = {
  _class_name: 'DPMSolverMultistepScheduler',
  algorithm_type: 'dpmsolver++',
  solver_order: 2,
  solver_type: 'midpoint',
};

/** What each friendly name asks for, over the model's own schedule. */
const PRESETS = {
  ddpm: { _class_name: 'DDPMScheduler' },
  ddim: { _class_name: 'DDIMScheduler' },
  euler: { _class_name: 'EulerDiscreteScheduler' },
  'euler-a': { _class_name: 'EulerAncestralDiscreteScheduler' },
  'dpmpp-2m': DPMPP_2M,
  'dpmpp-2m-karras': { ...DPMPP_2M, use_karras_sigmas: true },
  'dpmpp-2m-sde-karras': { ...DPMPP_2M, algorithm_type: 'sde-dpmsolver++', use_karras_sigmas: true },
  pndm: { _class_name: 'PNDMScheduler', skip_prk_steps: true },
  unipc: { _class_name: 'UniPCMultistepScheduler', solver_order: 2, solver_type: 'bh2' },
} as const satisfies Record<string, SchedulerConfig>;

export type SamplerName = keyof typeof PRESETS;

export const SAMPLER_NAMES = Object.keys(PRESETS) as SamplerName[];

/** Keys that describe the model and its schedule rather than one algorithm; a preset takes them over. */
const SHARED_KEYS = [
  'num_train_timesteps',
  'beta_start',
  'beta_end',
  'beta_schedule',
  'trained_betas',
  'rescale_betas_zero_snr',
  'prediction_type',
  'timestep_spacing',
  'steps_offset',
  'set_alpha_to_one',
  'clip_sample_range',
  'thresholding',
];

/**
 * The scheduler_config.json of the sampler `name` on the schedule of `base`, as diffusers' from_config makes it, with one
 * difference: clip_sample is off unless `base` has it on, since latents are not pictures in [−1, 1].
 */
export function samplerConfig(name: string, base: SchedulerConfig): SchedulerConfig {
  if (!Object.hasOwn(PRESETS, name)) {
    throw new InputError(`Unknown sampler "${name}"; expected one of ${SAMPLER_NAMES.join(', ')}.`);
  }
  const shared = SHARED_KEYS.filter((key) => key in base).map((key) => [key, base[key]]);
  return {
    clip_sample: base.clip_sample ?? false,
    ...Object.fromEntries(shared),
    ...PRESETS[name as SamplerName],
  };
}
