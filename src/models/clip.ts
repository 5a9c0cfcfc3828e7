/** A whole CLIP, which compares pictures with texts: transformers' CLIPModel, v5.18. */
import { z } from 'zod';
import { input, type Value } from '../graph/index.js';
import { linear, type Scope } from '../nn/index.js';
import { clipTextModel, clipTextSchema } from './clip-text.js';
import { clipVisionModel, clipVisionSchema } from './clip-vision.js';
import { count, parseConfig, withDefault } from './config.js';
import type { NetworkKind } from './network-kind.js';

/** Keys and defaults are those of CLIPConfig. */
const schema = z.object({
  model_type: withDefault(z.literal('clip'), 'clip'),
  projection_dim: withDefault(count, 512),
  text_config: clipTextSchema,
  vision_config: clipVisionSchema,
});

export type ClipConfig = z.output<typeof schema>;

/** ln of the factor on cosines, as new models have it. */
const FIRST_LOGIT_SCALE = 2.6592;

/** Texts as points of the shared space, not yet of length 1: ids int32 [B, T], rows [B] from `pooledRows` → [B, P] */
export function clipTextFeatures(
  scope: Scope,
  config: ClipConfig,
  inputIds: Value,
  pooledRows: Value,
): Value {
  const architectures: ['CLIPTextModelWithProjection'] = ['CLIPTextModelWithProjection'];
  const text = { ...config.text_config, architectures, projection_dim: config.projection_dim };
  return clipTextModel(scope, text, { inputIds, pooledRows }).textEmbeds!;
}

/** Pictures as points of the shared space, not yet of length 1: pixels [B, 3, S, S] → [B, P] */
export function clipImageFeatures(scope: Scope, config: ClipConfig, pixels: Value): Value {
  const { pooled } = clipVisionModel(scope.at('vision_model'), config.vision_config, pixels);
  return linear(scope.at('visual_projection'), pooled, config.projection_dim, { bias: false });
}

/** ln of the factor on cosines, a scalar. */
export function clipLogitScale(scope: Scope): Value {
  return scope.param('logit_scale', [], { kind: 'constant', value: FIRST_LOGIT_SCALE });
}

export const CLIP: NetworkKind<ClipConfig> = {
  weights: 'model',
  parseConfig: (json) => parseConfig('config.json', schema, json),
  declare: (scope, config) => {
    const { image_size: side } = config.vision_config;
    clipTextFeatures(scope, config, input('input_ids', [1, 1], 'int32'), input('pooled_rows', [1], 'int32'));
    clipImageFeatures(scope, config, input('pixel_values', [1, 3, side, side]));
    clipLogitScale(scope);
  },
  ignored: /(^|\.)embeddings\.position_ids$/,
};
