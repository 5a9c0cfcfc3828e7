/** Dropout (Srivastava et al. 2014), by a mask that the graph is fed. */
import type { Value } from '../graph/index.js';
import { mul, scale } from '../ops/index.js';
import type { Scope } from './scope.js';

/** x [batch, …], in training x ⊙ mask / (1 − rate), where the mask keeps each entry with probability 1 − rate. */
export function dropout(scope: Scope, x: Value, rate: number): Value {
  const mask = scope.draw('dropout', { shape: x.shape, share: 1 - rate });
  return mask ? scale(mul(x, mask), 1 / (1 - rate)) : x;
}
