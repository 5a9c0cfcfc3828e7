/** Largest weights, SaRA's opposite in the paper's ablation (main Table 2): entries of large magnitude train. */
import { asFloat32 } from '../../nn/index.js';
import { STORED_CHANGES } from '../adapter/deltas.js';
import { ChosenEntries, candidates, expectedCount } from '../chosen-entries.js';
import type { Method } from '../method.js';
import { positionsOfLargest, type Scores } from '../selection.js';
import { CHOSEN_STATE } from '../trained-tensor.js';

export const largest: Method = {
  trains: 'the entries of largest magnitude',
  network: 'unet',
  options: ['targetParameters'],
  cost: { state: CHOSEN_STATE, gradients: 'chosen entries' },
  createOptimizer: (network, options) => {
    const magnitudes: Scores = function* () {
      for (const [key, weight] of candidates(network, options)) yield [key, asFloat32(weight).data];
    };
    // M = 1[|P₀| ≥ the K-th largest]
    const positions = positionsOfLargest(magnitudes, expectedCount(options, 'largest'));
    return new ChosenEntries('largest', network, options, positions);
  },
  ...STORED_CHANGES,
};
