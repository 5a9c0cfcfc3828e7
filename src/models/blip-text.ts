/** BLIP's BERT with attention to other states: transformers' BlipTextModel and BlipTextLMHeadModel, v5.18, without dropout. */
import { z } from 'zod';
import type { Value } from '../graph/index.js';
import { activation, embedding, layerNorm, linear, type Scope } from '../nn/index.js';
import { add, gatherRows, gemm, reshape, slice } from '../ops/index.js';
import { attendByHeads } from './attention.js';
import { headsDivide } from './clip-layer.js';
import { count, withDefault } from './config.js';

const id = z.int().nonnegative();

/** Keys and defaults are those of BlipTextConfig. */
export const blipTextSchema = z
  .object({
    vocab_size: withDefault(count, 30524),
    hidden_size: withDefault(count, 768),
    encoder_hidden_size: withDefault(count, 768),
    intermediate_size: withDefault(count, 3072),
    num_hidden_layers: withDefault(count, 12),
    num_attention_heads: withDefault(count, 8),
    max_position_embeddings: withDefault(count, 512),
    hidden_act: withDefault(z.enum(['gelu', 'gelu_new', 'relu']), 'gelu'),
    layer_norm_eps: withDefault(z.number().positive(), 1e-12),
    bos_token_id: withDefault(id, 30522),
    pad_token_id: withDefault(id, 0),
    sep_token_id: withDefault(id, 102),
    is_decoder: withDefault(z.literal(true), true),
    tie_word_embeddings: withDefault(z.literal(true), true),
  })
  .superRefine(headsDivide);

export type BlipTextConfig = z.output<typeof blipTextSchema>;

interface TextAttention {
  /** Whether each token looks at earlier ones alone. */
  readonly causal: boolean;
  /** Tokens that the others look at, from the first on; what follows is padding. All unless said. */
  readonly visible?: number | undefined;
}

/** Hidden states [B, T, C] of ids int32 [B, T] that look at `context` [B, S, D] too. */
export function blipTextModel(
  scope: Scope,
  config: BlipTextConfig,
  ids: Value,
  context: Value,
  attention: TextAttention,
): Value {
  let x = embeddings(scope.at('embeddings'), config, ids);
  for (let layer = 0; layer < config.num_hidden_layers; layer++)
    x = textLayer(scope.at('encoder', 'layer', layer), config, x, context, attention);
  return x;
}

/**
 * Logits [N, vocabulary] of the token after each of the rows [N] (int32, of the B·T states) of a text that is written while
 * looking at `context`.
 */
export function blipTextLogits(
  scope: Scope,
  config: BlipTextConfig,
  ids: Value,
  context: Value,
  rows: Value,
): Value {
  const { hidden_size: width, vocab_size, layer_norm_eps: epsilon } = config;
  const states = blipTextModel(scope.at('bert'), config, ids, context, { causal: true });
  const chosen = gatherRows(reshape(states, [-1, width]), rows);
  const head = scope.at('cls', 'predictions');
  const hidden = activation(config.hidden_act)(linear(head.at('transform', 'dense'), chosen, width));
  const normed = layerNorm(head.at('transform', 'LayerNorm'), hidden, epsilon);
  const bias = head.param('bias', [vocab_size], { kind: 'constant', value: 0 });
  return gemm(normed, wordEmbeddings(scope.at('bert', 'embeddings'), config), { transposeB: true, bias });
}

const INIT = { kind: 'normal', std: 0.02 } as const;

function wordEmbeddings(scope: Scope, { vocab_size, hidden_size }: BlipTextConfig): Value {
  return scope.at('word_embeddings').param('weight', [vocab_size, hidden_size], INIT);
}

function embeddings(scope: Scope, config: BlipTextConfig, ids: Value): Value {
  const { hidden_size: width, vocab_size, max_position_embeddings, layer_norm_eps } = config;
  const words = embedding(scope.at('word_embeddings'), ids, vocab_size, width);
  const positions = scope.at('position_embeddings').param('weight', [max_position_embeddings, width], INIT);
  return layerNorm(scope.at('LayerNorm'), add(words, slice(positions, 0, 0, ids.shape[1]!)), layer_norm_eps);
}

/** Attention to the text, attention to the context, two linear layers; each added and then normed. */
function textLayer(
  scope: Scope,
  config: BlipTextConfig,
  x: Value,
  context: Value,
  { causal, visible = x.shape[1]! }: TextAttention,
): Value {
  const { intermediate_size, hidden_act } = config;
  const seen = visible === x.shape[1] ? x : slice(x, 1, 0, visible);
  const self = textAttention(scope.at('attention'), config, x, seen, causal);
  const cross = textAttention(scope.at('crossattention'), config, self, context, false);
  const hidden = activation(hidden_act)(linear(scope.at('intermediate', 'dense'), cross, intermediate_size));
  return output(scope.at('output'), config, hidden, cross);
}

function textAttention(scope: Scope, config: BlipTextConfig, x: Value, context: Value, causal: boolean) {
  const { hidden_size: width, num_attention_heads: heads } = config;
  const project = (name: string, from: Value) => linear(scope.at('self', name), from, width);
  const mixed = attendByHeads(project('query', x), project('key', context), project('value', context), {
    heads,
    causal,
  });
  return output(scope.at('output'), config, mixed, x);
}

/** LayerNorm(dense(x) + shortcut) */
function output(scope: Scope, config: BlipTextConfig, x: Value, shortcut: Value): Value {
  const dense = linear(scope.at('dense'), x, config.hidden_size);
  return layerNorm(scope.at('LayerNorm'), add(dense, shortcut), config.layer_norm_eps);
}
