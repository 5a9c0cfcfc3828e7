/** FishMask (arXiv 2111.09839; varunnair18/FISH): the entries with the largest Fisher information train. */
import { STORED_CHANGES } from '../adapter/deltas.js';
import { expectedCount } from '../chosen-entries.js';
import type { Method } from '../method.js';
import { SearchingOptimizer } from '../search.js';
import { CHOSEN_STATE } from '../trained-tensor.js';
import { FisherScores } from './search.js';

/** Of the original. */
const SAMPLES = 1024;

export const fishMask: Method = {
  trains: 'the entries whose gradients are largest over single samples',
  network: 'unet',
  options: ['targetParameters', 'searchSteps', 'score'],
  cost: {
    state: CHOSEN_STATE,
    gradients: 'chosen entries',
    // The scores.
    search: { steps: SAMPLES, samples: 1, state: 4, moves: false },
  },
  createOptimizer: (network, options) => {
    const { searchSteps = SAMPLES, score = 'squared' } = options;
    const count = expectedCount(options, 'fishmask');
    const start = () => new FisherScores(network, options, count, score);
    return new SearchingOptimizer('fishmask', network, { ...options, searchSteps }, start);
  },
  ...STORED_CHANGES,
};
