/** Tokens that were learned beside a vocabulary (Textual Inversion, arXiv 2208.01618): new rows of the token embedding. */
import { InputError } from '../errors.js';
import type { Network, Weight } from '../nn/index.js';
import { concatenate, repeat, type Tensor, tensor, toFloat32 } from '../tensor/index.js';
import type { ClipTextConfig } from './clip-text.js';
import type { SavableNetwork } from './network-kind.js';
import type { PromptEncoder } from './text-conditioning.js';

export interface LearnedToken {
  /** As it stands in prompts, such as "<sks>". */
  readonly token: string;
  /** Its rows [n, width] in the table of each text encoder. */
  readonly rows: readonly Tensor<'float32'>[];
}

/** The table of a text encoder, [tokens, width], and its checkpoint key. */
export function tokenTable({ parameters }: Pick<Network, 'parameters'>): { key: string; weight: Weight } {
  const [key, weight] = [...parameters].find(([name]) => name.endsWith('token_embedding.weight'))!;
  return { key, weight };
}

/** The text encoder with rows [n, width] after those of its table; all other weights are shared. */
export function withTableRows(
  network: SavableNetwork<ClipTextConfig>,
  rows: Tensor<'float32'>,
): SavableNetwork<ClipTextConfig> {
  const { key, weight } = tokenTable(network);
  const table = concatenate([tensor(weight.shape, toFloat32(weight)), rows]);
  const size = { vocab_size: table.shape[0]! };
  return {
    ...network,
    json: { ...network.json, ...size },
    config: { ...network.config, ...size },
    parameters: new Map(network.parameters).set(key, table),
  };
}

function withToken(encoder: PromptEncoder, token: string, rows: Tensor<'float32'>): PromptEncoder {
  const { network, tokenizer } = encoder;
  const { weight } = tokenTable(network);
  const [count, width] = rows.shape as [number, number];
  if (width !== weight.shape[1]) {
    throw new InputError(
      `the rows of the token "${token}" have ${width} values, those of the ${network.name} ${weight.shape[1]}; it was learned with a model of another kind`,
    );
  }
  const known = withTableRows(network, rows);
  return {
    ...encoder,
    tokenizer: tokenizer.withToken(token, weight.shape[0]!, count),
    // The new ids are larger than the end's, which published configurations look for as the largest.
    network: { ...known, config: { ...known.config, eos_token_id: tokenizer.eosTokenId } },
  };
}

/** The text encoders with these tokens. Throws InputError where one was learned with a model of another kind, or exists. */
export function withLearnedTokens(
  encoders: readonly PromptEncoder[],
  tokens: readonly LearnedToken[],
): readonly PromptEncoder[] {
  return tokens.reduce((before, { token, rows }) => {
    if (rows.length !== before.length) {
      throw new InputError(
        `the token "${token}" has rows for ${rows.length} text encoders, this model has ${before.length}; it was learned with a model of another kind`,
      );
    }
    return before.map((encoder, i) => withToken(encoder, token, rows[i]!));
  }, encoders);
}

/** `count` rows [count, width] that are each the row of a word. Throws InputError where the word is none of one token. */
export function rowsOfWord(
  { network, tokenizer }: PromptEncoder,
  word: string,
  count: number,
): Tensor<'float32'> {
  const ids = tokenizer.encodeUntruncated(word).slice(1, -1);
  if (ids.length !== 1) {
    throw new InputError(
      `expected a word of one token to begin with, but "${word}" has ${ids.length}; take a simpler one, such as "cat"`,
    );
  }
  const { weight } = tokenTable(network);
  const width = weight.shape[1]!;
  const table = toFloat32(weight);
  const row = table.subarray(ids[0]! * width, (ids[0]! + 1) * width);
  return repeat(tensor([1, width], row), count);
}
