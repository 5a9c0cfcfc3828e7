/** LoRA: a low-rank change beside chosen layers trains. */
import type { Network } from '../../nn/index.js';
import type { Adapter } from '../adapter/adapter.js';
import { deltasOf, type WeightDelta } from '../adapter/deltas.js';
import { ADDITION_COST, AdamWAddition, type Addition } from '../addition.js';
import type { Method } from '../method.js';
import {
  alphas,
  factorKeys,
  factorProduct,
  factors,
  type LoraOptions,
  resolveLowRank,
  storedFactors,
} from './factors.js';
import { joinLoras } from './join.js';
import { loraLayer } from './layer.js';

function addition(network: Network, options: LoraOptions): Addition {
  const { targets, rank, alpha } = resolveLowRank(network, options);
  const parameters = new Map(targets.flatMap((target) => factors(target, rank)));
  return { parameters, adapt: loraLayer(alpha / rank) };
}

/** (α/r) BA */
function delta(
  adapter: Adapter,
  key: string,
  { shape }: { shape: readonly number[] },
): WeightDelta | undefined {
  const stored = storedFactors(adapter, key, shape);
  return stored && { key, shape, positions: undefined, values: factorProduct(stored) };
}

export const lora: Method = {
  trains: 'two factors of low rank beside each of the chosen layers',
  network: 'unet',
  options: ['rank', 'alpha', 'targetModules', 'targetParameters', 'seed'],
  cost: ADDITION_COST,
  addition,
  createOptimizer: (network, options) => {
    const constants = alphas(resolveLowRank(network, options));
    return new AdamWAddition(network, addition(network, options), { method: 'lora', constants }, options);
  },
  deltas: deltasOf(factorKeys, delta),
  delta,
  join: joinLoras,
  changedKeys: factorKeys,
};
