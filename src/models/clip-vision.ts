/** CLIP's image tower: transformers' CLIPVisionModel, v5.18. */
import type { z } from 'zod';
import { segment, type Value } from '../graph/index.js';
import { layerNorm, type Scope } from '../nn/index.js';
import { add, concat, expand, reshape, slice } from '../ops/index.js';
import { clipEncoderLayer } from './clip-layer.js';
import { patchEmbedding } from './patch-embedding.js';
import { visionSchema } from './vision-config.js';

/** Keys and defaults are those of CLIPVisionConfig. */
export const clipVisionSchema = visionSchema({ image_size: 224, patch_size: 32, hidden_act: 'quick_gelu' });

export type ClipVisionConfig = z.output<typeof clipVisionSchema>;

interface ClipVisionOutputs {
  /** [B, 1 + patches, C], the class token first. */
  lastHiddenState: Value;
  /** [B, C], the class token after the last layer norm. */
  pooled: Value;
}

/** pixels [B, 3, image_size, image_size], normalized as the processor does. */
export function clipVisionModel(scope: Scope, config: ClipVisionConfig, pixels: Value): ClipVisionOutputs {
  const { hidden_size: width, layer_norm_eps: epsilon } = config;
  let x = layerNorm(scope.at('pre_layrnorm'), embeddings(scope.at('embeddings'), config, pixels), epsilon);
  for (let layer = 0; layer < config.num_hidden_layers; layer++) {
    const previous = x;
    const inner = scope.at('encoder', 'layers', layer);
    x = segment(() => clipEncoderLayer(inner, config, previous, { causal: false }));
  }
  const first = reshape(slice(x, 1, 0, 1), [-1, width]);
  return { lastHiddenState: x, pooled: layerNorm(scope.at('post_layernorm'), first, epsilon) };
}

/** The class token and one token for each patch, with their positions added: [B, 1 + patches, C] */
function embeddings(scope: Scope, config: ClipVisionConfig, pixels: Value): Value {
  const { hidden_size: width, image_size, patch_size } = config;
  const init = { kind: 'normal', std: 0.02 } as const;
  const batch = pixels.shape[0]!;
  const first = expand(scope.param('class_embedding', [width], init), [batch, 1, width]);
  const patches = patchEmbedding(scope.at('patch_embedding'), pixels, width, patch_size, { bias: false });
  const tokens = 1 + (image_size / patch_size) ** 2;
  const positions = scope.at('position_embedding').param('weight', [tokens, width], init);
  return add(concat([first, patches], 1), positions);
}
