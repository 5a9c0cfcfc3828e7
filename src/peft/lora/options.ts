/** The options of LoRA and DoRA: which layers, and of what rank. */
import { InputError } from '../../errors.js';
import type { Network } from '../../nn/index.js';
import { sizeOf } from '../../tensor/index.js';
import type { AdamWOptions } from '../adamw.js';
import { nearestWidth } from '../addition.js';
import { type Target, targetsOf } from './targets.js';

export interface LoraOptions extends AdamWOptions {
  /** r; 16 unless said or found by `targetParameters`. */
  rank?: number | undefined;
  /** α, where α/r is the factor on BA; the rank unless said. */
  alpha?: number | undefined;
  /** Endings of module paths, or names of TARGET_SETS; attention unless said. */
  targetModules?: readonly string[] | undefined;
  /** Finds the rank whose number of parameters comes nearest. */
  targetParameters?: number | undefined;
  /** Names what is drawn for A. */
  seed?: number | undefined;
}

const DEFAULT_RANK = 16;

/** Options with everything filled in. */
export interface LowRank {
  readonly targets: readonly Target[];
  readonly rank: number;
  readonly alpha: number;
}

/** `perRow`: parameters that each layer has for each of its outputs, whatever the rank. Throws InputError on bad options. */
export function resolveLowRank(network: Network, options: LoraOptions, perRow: number): LowRank {
  const targets = targetsOf(network, options.targetModules, options.parameters);
  const { rank: given, targetParameters } = options;
  if (given !== undefined && targetParameters !== undefined) {
    throw new InputError(
      `a rank or a number of parameters is taken, got ${given} and ${targetParameters}; leave one out`,
    );
  }
  const each = targets.reduce((sum, { shape: [out, ...rest] }) => sum + out! + sizeOf(rest), 0);
  const fixed = perRow * targets.reduce((sum, { shape }) => sum + shape[0]!, 0);
  const rank = given ?? (targetParameters ? nearestWidth(targetParameters, each, fixed) : DEFAULT_RANK);
  const { alpha = rank } = options;
  if (!Number.isSafeInteger(rank) || rank < 1 || !(alpha > 0)) {
    throw new InputError(
      `expected a rank that is a whole number of at least 1 and an alpha above 0, got ${rank} and ${alpha}`,
    );
  }
  return { targets, rank, alpha };
}
