/**
 * UniPC: each call first corrects the latent it is at with the new network output, then predicts the next one
 * (Zhao et al. 2023, algorithms 1 and 2 with B(h) = e^h − 1, "bh2", data prediction; diffusers scheduling_unipc_multistep.py).
 */
import { combine } from './combine.js';
import { levelOfRatio, predictionTypeOf, predictSample } from './prediction.js';
import type { SamplerFactory } from './sampler.js';
import { choiceOf, requireValues, unsupported } from './scheduler-config.js';
import { sigmaSchedule } from './sigmas.js';

/** What the next call needs to correct the step that led to it. */
interface LastStep {
  readonly sample: Float32Array;
  readonly x0: Float32Array;
  /** x₀ one call earlier, in a second-order step. */
  readonly earlierX0: Float32Array | undefined;
}

export const uniPc: SamplerFactory = (config, steps) => {
  requireValues(config, {
    solver_type: 'bh2',
    predict_x0: true,
    lower_order_final: true,
    thresholding: false,
  });
  if (config.solver_p != null) throw unsupported(config, 'solver_p', 'null');
  if (Array.isArray(config.disable_corrector) && config.disable_corrector.length > 0) {
    throw unsupported(config, 'disable_corrector', 'an empty list');
  }
  const order = choiceOf(config, 'solver_order', [2, 1]);
  const predictionType = predictionTypeOf(config);
  const { timesteps, sigmas } = sigmaSchedule(config, steps, {
    fallback: 'linspace',
    dropLowest: true,
    karrasEnds: 'table',
    karrasTimestep: Math.round,
  });

  /** λ = log(α/σ), half the log signal-to-noise ratio. */
  const lambda = (i: number) => -Math.log(sigmas[i]!);
  let last: LastStep | undefined;

  /**
   * The step from noise level i to i + 1, with h = λ'−λ and r = (λ₋−λ)/h:
   * x' = σ'/σ x + α' (1−e^−h) (x₀ + ρ₁ (x₀₋ − x₀)/r + ρ₂ (x₀' − x₀))
   *
   * Without x₀', the predictor: ρ₁ = ½. With x₀', the corrector: ρ₂ = ½ at first order, else ρ₁ + ρ₂ = b₁, r ρ₁ + ρ₂ = b₂.
   */
  function update({ sample, x0, earlierX0 }: LastStep, i: number, nextX0?: Float32Array): Float32Array {
    const next = levelOfRatio(sigmas[i + 1]!);
    const h = lambda(i + 1) - lambda(i);
    const gained = -Math.expm1(-h);

    const terms: [number, Float32Array][] = [];
    let weightX0 = 1;
    const addDifference = (weight: number, x: Float32Array) => {
      terms.push([next.alpha * gained * weight, x]);
      weightX0 -= weight;
    };
    if (earlierX0) {
      const r = (lambda(i - 1) - lambda(i)) / h;
      const b1 = (gained / h - 1) / -gained;
      const b2 = (2 * ((gained / h - 1) / -h - 1 / 2)) / -gained;
      const rho1 = nextX0 ? (b1 - b2) / (1 - r) : 1 / 2;
      addDifference(rho1 / r, earlierX0);
      if (nextX0) addDifference(b1 - rho1, nextX0);
    } else if (nextX0) {
      addDifference(1 / 2, nextX0);
    }
    return combine(
      [next.sigma / levelOfRatio(sigmas[i]!).sigma, sample],
      [next.alpha * gained * weightX0, x0],
      ...terms,
    );
  }

  return {
    timesteps,
    sigmas,
    initNoiseSigma: 1,
    scaleModelInput: (sample) => sample,

    step(modelOutput, i, sample) {
      const x0 = predictSample(predictionType, levelOfRatio(sigmas[i]!), modelOutput, sample);
      const corrected = last ? update(last, i - 1, x0) : sample;
      const secondOrder = order === 2 && i < steps - 1;
      last = { sample: corrected, x0, earlierX0: secondOrder ? last?.x0 : undefined };
      return { prevSample: update(last, i), predOriginalSample: x0 };
    },
  };
};
