/** Random weights, the paper's control (main Table 2): entries drawn uniformly train. */
import { STORED_CHANGES } from '../adapter/deltas.js';
import { ChosenEntries, candidates, expectedCount } from '../chosen-entries.js';
import type { Method } from '../method.js';
import { CHOSEN_STATE } from '../trained-tensor.js';
import { randomPositions } from './positions.js';

export const random: Method = {
  trains: 'entries drawn at random',
  network: 'unet',
  options: ['targetParameters', 'seed'],
  cost: { state: CHOSEN_STATE, gradients: 'chosen entries' },
  createOptimizer: (network, options) => {
    const sizes = new Map(candidates(network, options).map(([key, { data }]) => [key, data.length]));
    const positions = randomPositions(sizes, expectedCount(options, 'random'), options.seed ?? 0);
    return new ChosenEntries('random', network, options, positions);
  },
  ...STORED_CHANGES,
};
