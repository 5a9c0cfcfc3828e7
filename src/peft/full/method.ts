/** Full fine-tuning: every weight trains. */

import { AdamW } from '../adamw.js';
import { packedKeys, unpackDelta, unpackDeltas } from '../adapter/deltas.js';
import type { Method } from '../method.js';

export const full: Method = {
  trains: 'every entry of every weight',
  options: [],
  createOptimizer: (network, options) => new AdamW(network, { keepBase: true, ...options }),
  deltas: unpackDeltas,
  delta: unpackDelta,
  changedKeys: packedKeys,
};
