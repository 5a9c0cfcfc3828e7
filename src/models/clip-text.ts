/** The text encoders of OpenAI's CLIP and of OpenCLIP: transformers' CLIPTextModel and CLIPTextModelWithProjection, v5.18. */
import { z } from 'zod';
import { segment, type Value } from '../graph/index.js';
import { embedding, layerNorm, linear, type Scope } from '../nn/index.js';
import { add, gatherRows, reshape, slice } from '../ops/index.js';
import { type Tensor, tensorOf } from '../tensor/index.js';
import { CLIP_ACTIVATIONS, clipEncoderLayer, headsDivide } from './clip-layer.js';
import { count, parseConfig, withDefault } from './config.js';

/** Keys and defaults are those of CLIPTextConfig. */
export const clipTextSchema = z
  .object({
    architectures: withDefault(z.tuple([z.enum(['CLIPTextModel', 'CLIPTextModelWithProjection'])]), [
      'CLIPTextModel',
    ]),
    model_type: withDefault(z.literal('clip_text_model'), 'clip_text_model'),
    vocab_size: withDefault(count, 49408),
    hidden_size: withDefault(count, 512),
    intermediate_size: withDefault(count, 2048),
    projection_dim: withDefault(count, 512),
    num_hidden_layers: withDefault(count, 12),
    num_attention_heads: withDefault(count, 8),
    max_position_embeddings: withDefault(count, 77),
    hidden_act: withDefault(z.enum(CLIP_ACTIVATIONS), 'quick_gelu'),
    layer_norm_eps: withDefault(z.number().positive(), 1e-5),
    eos_token_id: withDefault(z.int().nonnegative(), 49407),
  })
  .superRefine(headsDivide);

export type ClipTextConfig = z.output<typeof clipTextSchema>;

/** Reads text_encoder/config.json. Throws InputError where it asks for what is not supported. */
export function parseClipTextConfig(json: unknown): ClipTextConfig {
  return parseConfig('text_encoder/config.json', clipTextSchema, json);
}

/** Every published config has this, which is no real end id: then the end is where the largest id is. */
const LARGEST_ID = 2;

/**
 * Where each text's pooled state is, as rows [B] of the states [B·T, C]: at the first end id, or at the first of the
 * largest ids where `eos_token_id` is 2. ids [B, T].
 */
export function pooledRows(config: ClipTextConfig, { shape, data }: Tensor<'int32'>): Tensor<'int32'> {
  const [batch, length] = shape as [number, number];
  const rows = Int32Array.from({ length: batch }, (_, text) => {
    const ids = data.subarray(text * length, (text + 1) * length);
    const end = config.eos_token_id === LARGEST_ID ? Math.max(...ids) : config.eos_token_id;
    return text * length + Math.max(0, ids.indexOf(end));
  });
  return tensorOf('int32', [batch], rows);
}

interface ClipTextInputs {
  /** int32 [B, T] */
  inputIds: Value;
  /** int32 [B], from `pooledRows`; without it nothing is pooled. */
  pooledRows?: Value | undefined;
}

interface ClipTextOutputs {
  /** [B, T, C], after the final layer norm. */
  lastHiddenState: Value;
  /** The embedding and each layer's output [B, T, C], before the final layer norm. */
  hiddenStates: Value[];
  /** [B, C], the last hidden state at the end of each text. */
  pooled?: Value;
  /** [B, projection_dim], where the config has a projection. */
  textEmbeds?: Value;
}

/** Published checkpoints have all keys but the projection's under `text_model`; transformers 5 writes them without it. */
function textModel(scope: Scope): Scope {
  const prefixed = scope.at('text_model');
  return prefixed.has('final_layer_norm.weight') ? prefixed : scope;
}

export function clipTextModel(
  scope: Scope,
  config: ClipTextConfig,
  { inputIds, pooledRows }: ClipTextInputs,
): ClipTextOutputs {
  const { hidden_size: width, projection_dim } = config;
  const model = textModel(scope);
  const hiddenStates = [embeddings(model.at('embeddings'), config, inputIds)];
  for (let layer = 0; layer < config.num_hidden_layers; layer++) {
    const previous = hiddenStates.at(-1)!;
    const scope = model.at('encoder', 'layers', layer);
    hiddenStates.push(segment(() => clipEncoderLayer(scope, config, previous, { causal: true })));
  }
  const lastHiddenState = clipFinalLayerNorm(scope, config, hiddenStates.at(-1)!);
  if (!pooledRows) return { lastHiddenState, hiddenStates };
  const pooled = gatherRows(reshape(lastHiddenState, [-1, width]), pooledRows);
  if (config.architectures[0] === 'CLIPTextModel') return { lastHiddenState, hiddenStates, pooled };
  const textEmbeds = linear(scope.at('text_projection'), pooled, projection_dim, { bias: false });
  return { lastHiddenState, hiddenStates, pooled, textEmbeds };
}

/** The final layer norm of any hidden state; Stable Diffusion 2 takes the one before the last. */
export function clipFinalLayerNorm(scope: Scope, config: ClipTextConfig, x: Value): Value {
  return layerNorm(textModel(scope).at('final_layer_norm'), x, config.layer_norm_eps);
}

/** Token and position embeddings, added: ids [B, T] → [B, T, C] */
function embeddings(scope: Scope, config: ClipTextConfig, ids: Value): Value {
  const { hidden_size: width, vocab_size, max_position_embeddings } = config;
  const tokens = embedding(scope.at('token_embedding'), ids, vocab_size, width);
  const init = { kind: 'normal', std: 0.02 } as const;
  const positions = scope.at('position_embedding').param('weight', [max_position_embeddings, width], init);
  return add(tokens, slice(positions, 0, 0, ids.shape[1]!));
}
