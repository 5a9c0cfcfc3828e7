/** Facts about samplers that follow by hand, for every sampler by name; golden.test.ts has the reference trajectories. */
import { describe, expect, it } from 'vitest';
import {
  createSampler,
  noiseSchedule,
  SAMPLER_NAMES,
  type Sampler,
  type SamplerOptions,
  type SchedulerConfig,
  samplerConfig,
} from '../../src/diffusion/index.js';
import { levelOfAlphaCumprod, levelOfRatio, type NoiseLevel } from '../../src/diffusion/prediction.js';
import { spacedTimesteps } from '../../src/diffusion/timesteps.js';
import { InputError } from '../../src/errors.js';
import { Random } from '../../src/tensor/random.js';
import { expectAllclose } from '../support/allclose.js';

/** Stable Diffusion 1.5's scheduler_config.json, ending at a clean latent. */
const SD15: SchedulerConfig = {
  _class_name: 'PNDMScheduler',
  beta_start: 0.00085,
  beta_end: 0.012,
  beta_schedule: 'scaled_linear',
  num_train_timesteps: 1000,
  set_alpha_to_one: true,
  skip_prk_steps: true,
  steps_offset: 1,
  timestep_spacing: 'leading',
};

const noise = (step: number) => new Random(7, 'sampler test', step).normal(4);

const SPACINGS = ['leading', 'trailing', 'linspace'];
/** These step down by a whole stride even where linspace visits another timestep next, and PNDM mixes v of several timesteps. */
const STRIDES = new Set(['ddim', 'pndm']);

type Network = (x: Float32Array, level: NoiseLevel) => Float32Array;

/** Runs a sampler on a network that knows the noise level of its input; gives the last latent and every predicted x₀. */
function generate(config: SchedulerConfig, steps: number, network: Network, options?: SamplerOptions) {
  const sampler = createSampler(config, steps, options);
  const { alphasCumprod } = noiseSchedule(config);
  const level = (i: number) =>
    sampler.sigmas
      ? levelOfRatio(sampler.sigmas[i]!)
      : levelOfAlphaCumprod(alphasCumprod[sampler.timesteps[i]!]!);
  let latent: Float32Array = noise(-1).map((x) => x * sampler.initNoiseSigma);
  const previews: Float32Array[] = [];
  for (let i = 0; i < sampler.timesteps.length; i++) {
    const output = network(sampler.scaleModelInput(latent, i), level(i));
    const { prevSample, predOriginalSample } = sampler.step(output, i, latent, noise);
    previews.push(predOriginalSample);
    latent = prevSample;
  }
  return { latent, previews, sampler };
}

describe.each(SAMPLER_NAMES)('%s', (name) => {
  // Where all data is one picture p, the noise in x = α p + σ ε is known, and every path of every sampler leads to p.
  it.each(['epsilon', 'v_prediction', 'sample'])(
    'finds the only picture there is by %s',
    (prediction_type) => {
      const picture = Float32Array.of(0.5, -1, 2, 0);
      const epsilon: Network = (x, { alpha, sigma }) => x.map((v, i) => (v - alpha * picture[i]!) / sigma);
      const networks: Record<string, Network> = {
        epsilon,
        v_prediction: (x, level) =>
          epsilon(x, level).map((e, i) => level.alpha * e - level.sigma * picture[i]!),
        sample: () => picture,
      };
      for (const timestep_spacing of STRIDES.has(name) ? ['leading', 'trailing'] : SPACINGS) {
        for (const steps of name === 'pndm' && prediction_type === 'v_prediction' ? [1] : [1, 2, 5, 20]) {
          const config = samplerConfig(name, { ...SD15, prediction_type, timestep_spacing });
          const { latent, previews } = generate(config, steps, networks[prediction_type]!);
          const tolerance = {
            atol: 2e-4,
            reason: 'dividing by α = 0.07 magnifies the rounding of the network',
          };
          expectAllclose(latent, picture, tolerance);
          for (const preview of previews) expectAllclose(preview, picture, tolerance);
        }
      }
    },
  );

  it.each(['epsilon', 'sample'])(
    'starts afresh each time and keeps no hold of network outputs (%s)',
    (prediction_type) => {
      const config = samplerConfig(name, { ...SD15, prediction_type });
      const network: Network = (x) => x.map(Math.sin);
      const reused = new Float32Array(4);
      const networkThatReusesMemory: Network = (x) => {
        reused.set(network(x, levelOfRatio(0)));
        return reused;
      };
      expect(generate(config, 6, networkThatReusesMemory)).toMatchObject({
        latent: generate(config, 6, network).latent,
        previews: generate(config, 6, network).previews,
      });
    },
  );

  it('refuses step counts that the schedule does not have', () => {
    for (const steps of [0, -1, 2.5, 1001, Number.NaN]) {
      expect(() => createSampler(samplerConfig(name, SD15), steps)).toThrow(/whole number from 1 to/);
    }
  });
});

// Data distributed as N(0, 4): ε̂ = σ x / (4 α² + σ²), and the ODE keeps x / √(4 α² + σ²) as it is.
describe('order of accuracy on a normal distribution', () => {
  const deviation = ({ alpha, sigma }: NoiseLevel) => Math.sqrt(4 * alpha ** 2 + sigma ** 2);
  const network: Network = (x, level) => x.map((v) => (level.sigma * v) / deviation(level) ** 2);

  function errorOf(name: string, steps: number): number {
    const config = { ...samplerConfig(name, SD15), use_karras_sigmas: true, final_sigmas_type: 'sigma_min' };
    const { latent, sampler } = generate(config, steps, network);
    const start = noise(-1).map((x) => x * sampler.initNoiseSigma);
    const normalised = (values: Float32Array, i: number) =>
      sampler.scaleModelInput(values, i)[0]! / deviation(levelOfRatio(sampler.sigmas![i]!));
    return Math.abs(normalised(latent, steps) / normalised(start, 0) - 1);
  }

  it.each([
    ['euler', 1.8, 2.2],
    ['dpmpp-2m', 3.5, 5],
    ['unipc', 3.5, 12],
  ])('%s: twice the steps divide the error by %f to %f', (name, least, most) => {
    const gain = errorOf(name, 20) / errorOf(name, 40);
    expect(gain).toBeGreaterThan(least);
    expect(gain).toBeLessThan(most);
  });
});

describe('relations between samplers', () => {
  // Song et al. 2021, section 4.1: at η = 1 the generative process is DDPM's.
  it('DDIM at eta 1 is DDPM', () => {
    const network: Network = (x) => x.map(Math.sin);
    expectAllclose(
      generate(samplerConfig('ddim', SD15), 10, network, { eta: 1 }).latent,
      generate(samplerConfig('ddpm', SD15), 10, network).latent,
      { rtol: 1e-5, atol: 1e-5 },
    );
  });

  it('a first-order DPM-Solver++ is DDIM', () => {
    const network: Network = (x) => x.map(Math.sin);
    const base = { ...SD15, timestep_spacing: 'trailing' };
    expectAllclose(
      generate({ ...samplerConfig('dpmpp-2m', base), solver_order: 1 }, 10, network).latent,
      generate(samplerConfig('ddim', base), 10, network).latent,
      { rtol: 1e-5, atol: 1e-5 },
    );
  });
});

describe('timesteps', () => {
  const visited = (timestep_spacing: string, steps: number, dropLowest = false) => [
    ...spacedTimesteps({ timestep_spacing, steps_offset: 1 }, steps, 1000, {
      fallback: 'leading',
      dropLowest,
    }),
  ];

  it('lead, trail or span the schedule', () => {
    expect(visited('leading', 4)).toEqual([751, 501, 251, 1]);
    expect(visited('leading', 4, true)).toEqual([801, 601, 401, 201]);
    expect(visited('trailing', 4)).toEqual([999, 749, 499, 249]);
    expect(visited('linspace', 4)).toEqual([999, 666, 333, 0]);
    expect(visited('linspace', 3, true)).toEqual([999, 666, 333]);
  });

  it('round halves to even: 999 · ½ to 500, and 1000 − 62.5 to 938 before it falls by one', () => {
    expect(visited('linspace', 3)).toEqual([999, 500, 0]);
    expect(visited('trailing', 16)[1]).toBe(937);
  });

  it('are as many as the steps asked for where diffusers has one too many', () => {
    expect(visited('trailing', 61)).toHaveLength(61);
    expect(visited('trailing', 61).at(-1)).toBe(15);
  });

  it('do not start past the last one trained', () => {
    expect(() => visited('leading', 1000)).toThrow(/steps_offset 1 .*1000 steps/);
  });

  it('of PNDM visit the second twice', () => {
    expect([...createSampler(SD15, 4).timesteps]).toEqual([751, 501, 501, 251, 1]);
    expect([...createSampler(SD15, 1).timesteps]).toEqual([1]);
  });
});

describe('samplerConfig', () => {
  it("keeps the model's schedule and prediction type", () => {
    const base = { ...SD15, prediction_type: 'v_prediction', beta_end: 0.02, rescale_betas_zero_snr: true };
    expect(samplerConfig('dpmpp-2m-karras', base)).toEqual({
      _class_name: 'DPMSolverMultistepScheduler',
      algorithm_type: 'dpmsolver++',
      solver_order: 2,
      solver_type: 'midpoint',
      use_karras_sigmas: true,
      beta_start: 0.00085,
      beta_end: 0.02,
      beta_schedule: 'scaled_linear',
      num_train_timesteps: 1000,
      rescale_betas_zero_snr: true,
      prediction_type: 'v_prediction',
      timestep_spacing: 'leading',
      steps_offset: 1,
      set_alpha_to_one: true,
      clip_sample: false,
    });
  });

  it('lists the names it knows', () => {
    expect(() => samplerConfig('heun', SD15)).toThrow(/"heun".*ddpm, ddim, euler, euler-a/);
  });
});

describe('createSampler refuses', () => {
  const of = (name: string, changes: SchedulerConfig) => () =>
    createSampler({ ...samplerConfig(name, SD15), ...changes }, 10);

  it.each<[string, SchedulerConfig, RegExp]>([
    ['ddim', { _class_name: 'HeunDiscreteScheduler' }, /_class_name "HeunDiscreteScheduler".*DDIMScheduler/],
    ['ddim', { _class_name: 'toString' }, /_class_name "toString"/],
    ['ddim', { thresholding: true }, /DDIMScheduler: thresholding true .* false/],
    ['ddpm', { variance_type: 'learned' }, /variance_type "learned".*fixed_small or fixed_large/],
    ['ddim', { steps_offset: -1 }, /steps_offset -1 .*whole number/],
    ['ddim', { timestep_spacing: 'even' }, /timestep_spacing "even".*leading or trailing or linspace/],
    ['euler', { interpolation_type: 'log_linear' }, /interpolation_type "log_linear".*linear/],
    ['euler', { use_beta_sigmas: true }, /use_beta_sigmas true/],
    ['euler', { final_sigmas_type: 'one' }, /final_sigmas_type "one".*zero or sigma_min/],
    ['euler-a', { use_karras_sigmas: true }, /use_karras_sigmas true/],
    ['dpmpp-2m', { solver_order: 3 }, /solver_order 3 .* 2 or 1/],
    ['dpmpp-2m', { algorithm_type: 'dpmsolver' }, /algorithm_type "dpmsolver".*sde-dpmsolver\+\+/],
    ['unipc', { solver_type: 'bh1' }, /solver_type "bh1".*bh2/],
    ['unipc', { disable_corrector: [0] }, /disable_corrector \[0\].*empty list/],
    ['pndm', { skip_prk_steps: false }, /skip_prk_steps false .*true/],
    ['pndm', { rescale_betas_zero_snr: true }, /rescale_betas_zero_snr true/],
  ])('%s with %j', (name, changes, message) => {
    expect(of(name, changes)).toThrow(InputError);
    expect(of(name, changes)).toThrow(message);
  });

  it('eta outside [0, 1], and where it has no effect', () => {
    expect(() => createSampler(samplerConfig('ddim', SD15), 10, { eta: 2 })).toThrow(/from 0 to 1, got 2/);
    expect(() => createSampler(samplerConfig('euler', SD15), 10, { eta: 1 })).toThrow(/no effect/);
  });

  it('to predict noise from pure noise', () => {
    const changes = { rescale_betas_zero_snr: true, timestep_spacing: 'trailing' };
    const sampler: Sampler = of('ddim', changes)();
    const latent = noise(-1);
    expect(() => sampler.step(latent, 0, latent)).toThrow(/v_prediction/);
  });

  it('a noisy step without noise', () => {
    const latent = noise(-1);
    expect(() => of('ddpm', {})().step(latent, 0, latent)).toThrow(TypeError);
  });
});
