/** Which timesteps a sampler visits (Lin et al. 2024, table 2), rounded as NumPy rounds in diffusers. */
import { InputError } from '../errors.js';
import { choiceOf, numberOf, type SchedulerConfig, unsupported } from './scheduler-config.js';

type Spacing = 'leading' | 'trailing' | 'linspace';

/** The nearest whole number; halves go to the even one. */
function roundHalfToEven(x: number): number {
  const rounded = Math.round(x);
  return rounded - x === 0.5 && rounded % 2 !== 0 ? rounded - 1 : rounded;
}

export interface SpacingRules {
  /** The class's own default of timestep_spacing. */
  readonly fallback: Spacing;
  /** DPM-Solver and UniPC space steps + 1 points and leave the lowest out, since their last step ends at final_sigmas_type. */
  readonly dropLowest?: boolean;
  /** Keep linspace timesteps between the trained ones. */
  readonly fractional?: boolean;
}

export function spacingOf(config: SchedulerConfig, fallback: Spacing): Spacing {
  const rest = (['leading', 'trailing', 'linspace'] as const).filter((spacing) => spacing !== fallback);
  return choiceOf(config, 'timestep_spacing', [fallback, ...rest]);
}

/** `steps` timesteps out of `trainSteps`, highest first. */
export function spacedTimesteps(
  config: SchedulerConfig,
  steps: number,
  trainSteps: number,
  rules: SpacingRules,
): Float32Array {
  const points = rules.dropLowest ? steps + 1 : steps;
  if (!Number.isInteger(steps) || steps < 1 || points > trainSteps) {
    const most = trainSteps - (points - steps);
    throw new InputError(`Number of steps: expected a whole number from 1 to ${most}, got ${steps}.`);
  }
  const timesteps = Float32Array.from(
    { length: steps },
    timestepRule(config, rules, points, steps, trainSteps),
  );
  if (timesteps[0]! > trainSteps - 1) {
    throw unsupported(
      config,
      'steps_offset',
      `0 for ${steps} steps, which would start past timestep ${trainSteps - 1}`,
    );
  }
  return timesteps;
}

/** The i-th timestep, highest first, where `points` of them reach down to 0. */
function timestepRule(
  config: SchedulerConfig,
  { fallback, fractional }: SpacingRules,
  points: number,
  steps: number,
  trainSteps: number,
): (_: unknown, i: number) => number {
  switch (spacingOf(config, fallback)) {
    case 'linspace': {
      const gap = points > 1 ? (trainSteps - 1) / (points - 1) : 0;
      return (_, i) => (fractional ? (points - 1 - i) * gap : roundHalfToEven((points - 1 - i) * gap));
    }
    case 'leading': {
      const gap = Math.floor(trainSteps / points);
      const offset = numberOf(config, 'steps_offset', 0);
      if (!Number.isInteger(offset) || offset < 0)
        throw unsupported(config, 'steps_offset', 'a whole number');
      return (_, i) => (points - 1 - i) * gap + offset;
    }
    case 'trailing': {
      // As numpy.arange, which takes its gap from its first two values; but not its extra value when the division rounds up,
      // which lets diffusers end 61 steps of 1000, and a few other counts, at a timestep −1.
      const gap = trainSteps - (trainSteps - trainSteps / steps);
      return (_, i) => roundHalfToEven(trainSteps - i * gap) - 1;
    }
  }
}
