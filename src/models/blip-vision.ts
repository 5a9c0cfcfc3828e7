/** BLIP's image tower: transformers' BlipVisionModel, v5.18. */
import type { z } from 'zod';
import type { Value } from '../graph/index.js';
import { activation, layerNorm, linear, type Scope } from '../nn/index.js';
import { add, concat, expand, split } from '../ops/index.js';
import { attendByHeads } from './attention.js';
import { patchEmbedding } from './patch-embedding.js';
import { visionSchema } from './vision-config.js';

/** Keys and defaults are those of BlipVisionConfig. */
export const blipVisionSchema = visionSchema({ image_size: 384, patch_size: 16, hidden_act: 'gelu' });

export type BlipVisionConfig = z.output<typeof blipVisionSchema>;

/** pixels [B, 3, image_size, image_size] → states [B, 1 + patches, C], the class token first, after the last layer norm. */
export function blipVisionModel(scope: Scope, config: BlipVisionConfig, pixels: Value): Value {
  let x = embeddings(scope.at('embeddings'), config, pixels);
  for (let layer = 0; layer < config.num_hidden_layers; layer++)
    x = visionLayer(scope.at('encoder', 'layers', layer), config, x);
  return layerNorm(scope.at('post_layernorm'), x, config.layer_norm_eps);
}

function embeddings(scope: Scope, config: BlipVisionConfig, pixels: Value): Value {
  const { hidden_size: width, image_size, patch_size } = config;
  const init = { kind: 'normal', std: 0.02 } as const;
  const first = expand(scope.param('class_embedding', [1, 1, width], init), [pixels.shape[0]!, 1, width]);
  const patches = patchEmbedding(scope.at('patch_embedding'), pixels, width, patch_size, { bias: true });
  const tokens = 1 + (image_size / patch_size) ** 2;
  return add(concat([first, patches], 1), scope.param('position_embedding', [1, tokens, width], init));
}

/** Attention, then two linear layers, each on a normed copy and added. */
function visionLayer(scope: Scope, config: BlipVisionConfig, input: Value): Value {
  const { hidden_size: width, intermediate_size, layer_norm_eps: epsilon } = config;
  const attention = scope.at('self_attn');
  const all = linear(attention.at('qkv'), layerNorm(scope.at('layer_norm1'), input, epsilon), 3 * width);
  const [q, k, v] = split(all, 2, [width, width, width]) as [Value, Value, Value];
  const mixed = attendByHeads(q, k, v, { heads: config.num_attention_heads, causal: false });
  const x = add(linear(attention.at('projection'), mixed, width), input);
  const normed = layerNorm(scope.at('layer_norm2'), x, epsilon);
  const hidden = activation(config.hidden_act)(linear(scope.at('mlp', 'fc1'), normed, intermediate_size));
  return add(linear(scope.at('mlp', 'fc2'), hidden, width), x);
}
