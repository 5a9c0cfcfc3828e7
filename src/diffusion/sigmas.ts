/** Noise-to-signal ratios σ = √((1−ᾱ)/ᾱ) for the samplers that step in them, and Karras' spacing of them. */
import { noiseSchedule } from './noise-schedule.js';
import { choiceOf, numberOf, requireValues, type SchedulerConfig } from './scheduler-config.js';
import { type SpacingRules, spacedTimesteps } from './timesteps.js';

/** ᾱ of a zero-terminal schedule's last timestep, so that its σ is 4096 and not infinite (as diffusers does). */
const TERMINAL_ALPHA_CUMPROD = 2 ** -24;

export interface SigmaSchedule {
  readonly timesteps: Float32Array;
  /** One σ a timestep, then the σ at which the last step ends. */
  readonly sigmas: Float32Array;
}

interface SigmaRules extends SpacingRules {
  /** Karras' spacing runs between the ends of the visited σ (Euler) or of the whole table (DPM-Solver, UniPC). */
  readonly karrasEnds: 'visited' | 'table';
  /** How the timesteps of Karras' σ are made whole, if they are. */
  readonly karrasTimestep?: (timestep: number) => number;
}

/** Timesteps and σ of a run, from timestep_spacing, use_karras_sigmas, sigma_min, sigma_max and final_sigmas_type. */
export function sigmaSchedule(config: SchedulerConfig, steps: number, rules: SigmaRules): SigmaSchedule {
  requireValues(config, { use_exponential_sigmas: false, use_beta_sigmas: false, use_flow_sigmas: false });
  const table = sigmaTable(config);
  let timesteps = spacedTimesteps(config, steps, table.length, rules);
  let sigmas = Array.from(timesteps, (t) => interpolate(table, t));
  if (choiceOf(config, 'use_karras_sigmas', [false, true])) {
    const [highest, lowest] =
      rules.karrasEnds === 'visited' ? [sigmas[0]!, sigmas.at(-1)!] : [table.at(-1)!, table[0]!];
    sigmas = karrasSigmas(
      numberOf(config, 'sigma_max', highest),
      numberOf(config, 'sigma_min', lowest),
      steps,
    );
    const logTable = table.map(Math.log);
    timesteps = Float32Array.from(sigmas, (sigma) => {
      const timestep = locate(logTable, Math.log(sigma));
      return rules.karrasTimestep ? rules.karrasTimestep(timestep) : timestep;
    });
  }
  const last = choiceOf(config, 'final_sigmas_type', ['zero', 'sigma_min']) === 'zero' ? 0 : table[0]!;
  return { timesteps, sigmas: Float32Array.from([...sigmas, last]) };
}

/** σ of every training timestep, rising. */
function sigmaTable(config: SchedulerConfig): Float32Array {
  const { alphasCumprod } = noiseSchedule(config);
  return alphasCumprod.map((a) => a || TERMINAL_ALPHA_CUMPROD).map((a) => Math.sqrt((1 - a) / a));
}

/** Karras et al. 2022, equation 5: evenly spaced in σ^(1/ρ), ρ = 7, from `highest` to `lowest`. */
function karrasSigmas(highest: number, lowest: number, steps: number): number[] {
  const rho = 7;
  const from = highest ** (1 / rho);
  const to = lowest ** (1 / rho);
  return Array.from({ length: steps }, (_, i) => (from + (i / Math.max(steps - 1, 1)) * (to - from)) ** rho);
}

/** The table's value at a position between its entries; beyond its ends, the ends. */
function interpolate(table: Float32Array, position: number): number {
  const low = Math.min(Math.floor(position), table.length - 2);
  const weight = Math.min(position - low, 1);
  return table[low]! * (1 - weight) + table[low + 1]! * weight;
}

/** The position at which a rising table has `value`, the inverse of `interpolate`. */
function locate(table: Float32Array, value: number): number {
  const above = table.findIndex((entry) => entry > value);
  const low = above < 0 ? table.length - 2 : Math.max(above - 1, 0);
  const weight = (value - table[low]!) / (table[low + 1]! - table[low]!);
  return low + Math.min(Math.max(weight, 0), 1);
}
