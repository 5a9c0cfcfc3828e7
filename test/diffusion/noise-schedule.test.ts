/** Facts about noise schedules that follow by hand from their formulas. */
import { describe, expect, it } from 'vitest';
import { noiseSchedule, parseSchedulerConfig } from '../../src/diffusion/index.js';
import { levelOfAlphaCumprod, predictNoise, predictSample } from '../../src/diffusion/prediction.js';
import { InputError } from '../../src/errors.js';
import { expectAllclose } from '../support/allclose.js';

const STABLE_DIFFUSION = { beta_start: 0.00085, beta_end: 0.012, beta_schedule: 'scaled_linear' };
const TWO_BETAS = { num_train_timesteps: 2, trained_betas: [0.36, 0.75] };

describe('noiseSchedule', () => {
  it('spaces betas evenly, or their square roots', () => {
    const three = { num_train_timesteps: 3, beta_start: 0.01, beta_end: 0.09 };
    expectAllclose(noiseSchedule(three).betas, [0.01, 0.05, 0.09]);
    expectAllclose(noiseSchedule({ ...three, beta_schedule: 'scaled_linear' }).betas, [0.01, 0.04, 0.09]);
  });

  it('follows cos² with betas capped at 0.999', () => {
    const { alphasCumprod, betas } = noiseSchedule({ beta_schedule: 'squaredcos_cap_v2' });
    const alphaBar = (t: number) => Math.cos((((t + 0.008) / 1.008) * Math.PI) / 2) ** 2;
    expectAllclose([alphasCumprod[499]!], [alphaBar(0.5) / alphaBar(0)], {
      rtol: 2e-5,
      reason: 'a product of 500 rounded alphas',
    });
    expect(betas[999]).toBe(Math.fround(0.999));
  });

  it('rescales to zero terminal SNR and keeps the first timestep', () => {
    const before = noiseSchedule(STABLE_DIFFUSION);
    const after = noiseSchedule({ ...STABLE_DIFFUSION, rescale_betas_zero_snr: true });
    expect(after.alphasCumprod[999]).toBe(0);
    expectAllclose([after.alphasCumprod[0]!], [before.alphasCumprod[0]!]);
  });

  // ᾱ = 0.64, 0.16: signal and noise have weights (0.8, 0.6) and (0.4, √0.84).
  it('mixes sample and noise by √ᾱ and √(1−ᾱ), a row for each timestep', () => {
    const schedule = noiseSchedule(TWO_BETAS);
    expectAllclose(schedule.alphasCumprod, [0.64, 0.16]);
    const sample = Float32Array.of(1, 2, 3, 4);
    const noise = Float32Array.of(10, 20, 30, 40);
    const s = Math.sqrt(0.84);
    expectAllclose(schedule.addNoise(sample, noise, [0, 1]), [6.8, 13.6, 1.2 + 30 * s, 1.6 + 40 * s]);
    expectAllclose(schedule.velocity(sample, noise, [0, 1]), [7.4, 14.8, 12 - 3 * s, 16 - 4 * s]);
  });

  it('trains each prediction type on its own target', () => {
    const sample = Float32Array.of(1, 2);
    const noise = Float32Array.of(3, 4);
    const target = (prediction_type: string) =>
      noiseSchedule({ ...TWO_BETAS, prediction_type }).target(sample, noise, [0, 1]);
    expect(target('epsilon')).toEqual(noise);
    expect(target('sample')).toEqual(sample);
    expectAllclose(target('v_prediction'), [0.8 * 3 - 0.6, 0.4 * 4 - 2 * Math.sqrt(0.84)]);
  });

  // SNR = 0.64/0.36 = 16/9 and 0.16/0.84 = 4/21; γ = 1 cuts the first to 1.
  it.each([
    ['epsilon', [9 / 16, 1]],
    ['v_prediction', [9 / 25, 4 / 25]],
    ['sample', [1, 4 / 21]],
  ])('weights the loss of %s by min-SNR', (prediction_type, weights) => {
    const schedule = noiseSchedule({ ...TWO_BETAS, prediction_type });
    expectAllclose(schedule.snr([0, 1]), [16 / 9, 4 / 21]);
    expectAllclose(schedule.minSnrWeights([0, 1], 1), weights);
  });

  it('weights epsilon by 1 where the SNR is zero', () => {
    const schedule = noiseSchedule({ ...STABLE_DIFFUSION, rescale_betas_zero_snr: true });
    expect(schedule.minSnrWeights([999], 5)).toEqual(Float32Array.of(1));
  });

  it.each([
    [{ beta_schedule: 'sigmoid' }, /beta_schedule "sigmoid".*linear or scaled_linear or squaredcos_cap_v2/],
    [
      { prediction_type: 'flow_prediction' },
      /prediction_type "flow_prediction".*epsilon or v_prediction or sample/,
    ],
    [{ num_train_timesteps: 0 }, /num_train_timesteps 0/],
    [{ trained_betas: [0.1] }, /trained_betas \[0.1\].*1000 numbers/],
    [{ beta_end: 'high' }, /beta_end "high"/],
    [{ beta_end: 2 }, /betas outside \(0, 1\)/],
  ])('refuses %j', (config, message) => {
    expect(() => noiseSchedule(config)).toThrow(InputError);
    expect(() => noiseSchedule(config)).toThrow(message);
  });
});

describe('predictions', () => {
  it('give back the sample and the noise that were mixed', () => {
    const level = levelOfAlphaCumprod(0.64);
    const sample = Float32Array.of(1, -2);
    const noise = Float32Array.of(0.5, 3);
    const mix = (a: number, b: number) => sample.map((x, i) => a * x + b * noise[i]!);
    const noisy = mix(0.8, 0.6);
    const outputs = { epsilon: noise, v_prediction: mix(-0.6, 0.8), sample } as const;
    for (const type of ['epsilon', 'v_prediction', 'sample'] as const) {
      expectAllclose(predictSample(type, level, outputs[type], noisy), sample);
      expectAllclose(predictNoise(type, level, outputs[type], noisy), noise);
    }
  });
});

describe('parseSchedulerConfig', () => {
  it('reads the infinities that Python writes', () => {
    expect(parseSchedulerConfig('{"lambda_min_clipped": -Infinity, "sigma_max": Infinity}')).toEqual({
      lambda_min_clipped: -Infinity,
      sigma_max: Infinity,
    });
  });

  it.each(['{', '[]', 'null'])('refuses %s', (text) => {
    expect(() => parseSchedulerConfig(text)).toThrow(InputError);
  });
});
