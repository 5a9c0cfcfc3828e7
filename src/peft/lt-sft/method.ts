/** LT-SFT (arXiv 2110.07560; composable-sft): the entries that full fine-tuning moves furthest train, from the start again. */
import { STORED_CHANGES } from '../adapter/deltas.js';
import { expectedCount } from '../chosen-entries.js';
import type { Method } from '../method.js';
import { SearchingOptimizer } from '../search.js';
import { CHOSEN_STATE, WHOLE_STATE } from '../trained-tensor.js';
import { Movement } from './search.js';

export const ltSft: Method = {
  trains: 'the entries that full fine-tuning moves furthest',
  network: 'unet',
  options: ['targetParameters', 'searchSteps', 'searchLearningRate'],
  cost: {
    state: { float32: CHOSEN_STATE.float32 },
    gradients: 'chosen entries',
    // Beside the moments, the base weights in float32.
    search: { state: WHOLE_STATE + 4, moves: true },
  },
  createOptimizer: (network, options) => {
    const count = expectedCount(options, 'lt-sft');
    const learningRate = options.searchLearningRate ?? options.learningRate;
    const start = () => new Movement(network, { ...options, learningRate }, count);
    return new SearchingOptimizer('lt-sft', network, options, start);
  },
  ...STORED_CHANGES,
};
