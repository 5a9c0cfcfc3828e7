/** What every method of fine-tuning is to the rest of the program. */
import type { Network } from '../nn/index.js';
import type { Tensor } from '../tensor/index.js';
import type { AdamWOptions } from './adamw.js';
import type { Adapter } from './adapter/adapter.js';
import type { WeightDelta } from './adapter/deltas.js';
import type { Optimizer } from './optimizer.js';
import type { SaraOptions } from './sara/optimizer.js';

/** Options of any method; each takes AdamW's and those it lists. */
export type MethodOptions = AdamWOptions & SaraOptions;

export interface Method {
  /** What it trains, in words. */
  readonly trains: string;
  /** The options it has beside AdamW's. */
  readonly options: readonly (keyof MethodOptions)[];
  /** Throws InputError where the options select nothing. */
  createOptimizer(network: Network, options: MethodOptions): Optimizer;
  /** What an adapter of the method adds to the base weights at scale 1. Throws InputError where it does not fit. */
  deltas(adapter: Adapter, network: Network): WeightDelta[];
  /** The same for one weight, which has its base values; undefined where the adapter leaves it as it is. */
  delta(adapter: Adapter, key: string, weight: Tensor<'float32'>): WeightDelta | undefined;
  /** Which weights an adapter changes. Throws InputError where the network lacks one of them. */
  changedKeys(
    adapter: Adapter,
    network: { name: string; parameters: { has(key: string): boolean } },
  ): string[];
}
