/**
 * DPM-Solver++ 2M, and its stochastic form SDE-DPM-Solver++ 2M (Lu et al. 2022b, algorithm 2 and appendix;
 * diffusers scheduling_dpmsolver_multistep.py).
 */
import { combine } from './combine.js';
import { levelOfRatio, predictionTypeOf, predictSample } from './prediction.js';
import { noiseTerms, type SamplerFactory } from './sampler.js';
import { choiceOf, requireValues } from './scheduler-config.js';
import { sigmaSchedule } from './sigmas.js';

export const dpmSolver: SamplerFactory = (config, steps) => {
  requireValues(config, {
    solver_type: 'midpoint',
    thresholding: false,
    use_lu_lambdas: false,
    lambda_min_clipped: -Infinity,
  });
  const stochastic =
    choiceOf(config, 'algorithm_type', ['dpmsolver++', 'sde-dpmsolver++']) === 'sde-dpmsolver++';
  const order = choiceOf(config, 'solver_order', [2, 1]);
  const eulerAtFinal = choiceOf(config, 'euler_at_final', [false, true]);
  const lowerOrderFinal = choiceOf(config, 'lower_order_final', [true, false]);
  const predictionType = predictionTypeOf(config);
  const { timesteps, sigmas } = sigmaSchedule(config, steps, {
    fallback: 'linspace',
    dropLowest: true,
    karrasEnds: 'table',
    karrasTimestep: config.beta_schedule === 'squaredcos_cap_v2' ? Math.trunc : Math.round,
  });
  const firstOrderAtEnd = eulerAtFinal || (lowerOrderFinal && steps < 15) || sigmas[steps] === 0;

  /** λ = log(α/σ), half the log signal-to-noise ratio. */
  const lambda = (i: number) => -Math.log(sigmas[i]!);
  /** x₀ predicted by the previous call. */
  let previousX0: Float32Array | undefined;

  return {
    timesteps,
    sigmas,
    initNoiseSigma: 1,
    scaleModelInput: (sample) => sample,

    // With h = λ'−λ, h₋ = λ−λ₋ and D = x₀ + h/(2h₋) (x₀ − x₀₋), or D = x₀ in a first-order step:
    // ODE: x' = σ'/σ x + α' (1−e^−h) D
    // SDE: x' = σ'/σ e^−h x + α' (1−e^−2h) D + σ' √(1−e^−2h) ε
    step(modelOutput, i, sample, noise) {
      const level = levelOfRatio(sigmas[i]!);
      const next = levelOfRatio(sigmas[i + 1]!);
      const h = lambda(i + 1) - lambda(i);
      const x0 = predictSample(predictionType, level, modelOutput, sample);

      const firstOrder = order === 1 || previousX0 === undefined || (i === steps - 1 && firstOrderAtEnd);
      const slope = firstOrder ? 0 : h / (2 * (lambda(i) - lambda(i - 1)));
      const d = firstOrder ? x0 : combine([1 + slope, x0], [-slope, previousX0!]);
      previousX0 = x0;

      const gained = -Math.expm1(stochastic ? -2 * h : -h);
      const prevSample = combine(
        [(next.sigma / level.sigma) * (stochastic ? Math.exp(-h) : 1), sample],
        [next.alpha * gained, d],
        ...noiseTerms(stochastic ? next.sigma * Math.sqrt(gained) : 0, i, noise),
      );
      return { prevSample, predOriginalSample: x0 };
    },
  };
};
