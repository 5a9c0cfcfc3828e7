/** DiffPruning (arXiv 2012.07463; dguo98/DiffPruning): a sparse difference is learned with gates, pruned, and trained on. */
import { STORED_CHANGES } from '../adapter/deltas.js';
import { expectedCount } from '../chosen-entries.js';
import type { Method } from '../method.js';
import { SearchingOptimizer } from '../search.js';
import { CHOSEN_STATE } from '../trained-tensor.js';
import { GatedDifferences } from './search.js';

export const diffPruning: Method = {
  trains: 'the entries whose learned differences are largest where gates let them through',
  network: 'unet',
  options: [
    'targetParameters',
    'searchSteps',
    'searchLearningRate',
    'gateLearningRate',
    'gatePenalty',
    'structured',
    'seed',
  ],
  cost: {
    state: { float32: CHOSEN_STATE.float32 },
    gradients: 'chosen entries',
    // Base weights and gates, and differences and gate parameters with two moments each.
    search: { state: 2 * 4 + 2 * 3 * 4, moves: true },
  },
  createOptimizer: (network, { learningRate = 5e-5, weightDecay = 0, ...others }) => {
    const options = { ...others, learningRate, weightDecay };
    const count = expectedCount(options, 'diffpruning');
    const start = () => new GatedDifferences(network, options, count);
    return new SearchingOptimizer('diffpruning', network, options, start);
  },
  ...STORED_CHANGES,
};
