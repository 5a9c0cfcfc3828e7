/** SaRA: entries of small magnitude train. */
import { STORED_CHANGES } from '../adapter/deltas.js';
import type { Method } from '../method.js';
import { CHOSEN_STATE } from '../trained-tensor.js';
import { AdamWSara } from './optimizer.js';

export const sara: Method = {
  trains: 'entries of weights whose magnitude is below a threshold',
  network: 'unet',
  options: [
    'threshold',
    'targetParameters',
    'lambdaRank',
    'rankMatrices',
    'rankMinSide',
    'progressiveStep',
    'seed',
    'runtime',
  ],
  cost: { state: CHOSEN_STATE, gradients: 'chosen entries' },
  createOptimizer: (network, options) => new AdamWSara(network, options),
  ...STORED_CHANGES,
};
