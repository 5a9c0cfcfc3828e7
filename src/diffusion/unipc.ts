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

/**
 * Weights ρ₁/r of the earlier and ρ₂ of the next difference in the corrector, r = (λ₋−λ)/h: ½ of the next alone at first order
 * (r infinite), else ρ₁ + ρ₂ = b₁ and r ρ₁ + ρ₂ = b₂ with the b of the paper's proposition for data prediction.
 */
function correctorWeights(h: number, r: number): [earlier: number, next: number] {
  if (!Number.isFinite(r)) return [0, 1 / 2];
  const scale = Math.expm1(-h);
  const phi2 = scale / -h - 1;
  const phi3 = phi2 / -h - 1 / 2;
  const [b1, b2] = [phi2 / scale, (2 * phi3) / scale];
  const rho1 = (b1 - b2) / (1 - r);
  return [rho1 / r, b1 - rho1];
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
   * The step from noise level i to i + 1, with h = λ'−λ:
   * x' = σ'/σ x + α' (1−e^−h) (x₀ + w₋ (x₀₋ − x₀) + w' (x₀' − x₀))
   * It predicts where x₀' is still unknown, and corrects where it is there; at first order there is no x₀₋.
   */
  function update({ sample, x0, earlierX0 }: LastStep, i: number, nextX0?: Float32Array): Float32Array {
    const next = levelOfRatio(sigmas[i + 1]!);
    const h = lambda(i + 1) - lambda(i);
    const gained = next.alpha * -Math.expm1(-h);
    const r = earlierX0 ? (lambda(i - 1) - lambda(i)) / h : -Infinity;
    const [wEarlier, wNext] = nextX0 ? correctorWeights(h, r) : [1 / (2 * r), 0];
    return combine(
      [next.sigma / levelOfRatio(sigmas[i]!).sigma, sample],
      [gained * (1 - wEarlier - wNext), x0],
      [gained * wEarlier, earlierX0 ?? x0],
      [gained * wNext, nextX0 ?? x0],
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
