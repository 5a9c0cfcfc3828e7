/** LoRA: a low-rank change beside chosen layers trains. */
import type { Adapter } from '../adapter/adapter.js';
import type { WeightDelta } from '../adapter/deltas.js';
import type { Method } from '../method.js';
import { factorProduct, storedFactors } from './factors.js';
import { joinLoras } from './join.js';
import { loraLayer } from './layer.js';
import { lowRankMethod } from './low-rank-method.js';

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
  ...lowRankMethod({
    name: 'lora',
    trains: 'two factors of low rank beside each of the chosen layers',
    layer: loraLayer,
    delta,
  }),
  join: joinLoras,
};
