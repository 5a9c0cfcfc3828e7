/** Full fine-tuning: every weight trains. */
import { AdamW } from '../adamw.js';
import { STORED_CHANGES } from '../adapter/deltas.js';
import type { Method } from '../method.js';
import { WHOLE_STATE } from '../trained-tensor.js';

export const full: Method = {
  trains: 'every entry of every weight',
  network: 'unet',
  options: [],
  cost: { state: { float32: WHOLE_STATE }, gradients: 'whole weights' },
  createOptimizer: (network, options) => new AdamW(network, { keepBase: true, ...options }),
  ...STORED_CHANGES,
};
