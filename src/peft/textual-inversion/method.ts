/** Textual Inversion (arXiv 2208.01618): of a text encoder, the rows of a new token train. */
import { InputError } from '../../errors.js';
import { STORED_CHANGES } from '../adapter/deltas.js';
import { ChosenEntries, type ChosenEntriesOptions } from '../chosen-entries.js';
import type { Method } from '../method.js';
import { CHOSEN_STATE } from '../trained-tensor.js';

export interface TextualInversionOptions extends ChosenEntriesOptions {
  /** How many rows at the end of the table are the token's; 1 unless said. */
  vectors?: number | undefined;
  /** How the key of the table ends; `token_embedding.weight` unless said. */
  table?: string | undefined;
}

/** diffusers' 5e-4 for each of the four pictures of a step. */
const LEARNING_RATE = 2e-3;

export const textualInversion: Method = {
  trains: 'rows of the text encoder for a new token',
  network: 'text_encoder',
  options: ['vectors', 'table'],
  cost: { state: CHOSEN_STATE, gradients: 'chosen entries' },
  createOptimizer: (network, options) => {
    const { vectors = 1, table = 'token_embedding.weight', learningRate = LEARNING_RATE } = options;
    const [key, weight] = [...network.parameters].find(([name]) => name.endsWith(table)) ?? [];
    if (key === undefined || !weight || vectors > weight.shape[0]!) {
      throw new InputError(
        `expected a table "${table}" with at least ${vectors} rows in the ${network.name}, got ${weight ? `[${weight.shape}]` : 'none'}; name a text encoder`,
      );
    }
    const { length } = weight.data;
    const count = vectors * (length / weight.shape[0]!);
    const positions = Int32Array.from({ length: count }, (_, i) => length - count + i);
    const only = { ...options, learningRate, parameters: (name: string) => name === key };
    return new ChosenEntries('textual-inversion', network, only, new Map([[key, positions]]));
  },
  ...STORED_CHANGES,
};
