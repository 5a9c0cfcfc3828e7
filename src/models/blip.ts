/** BLIP, which captions pictures and answers questions about them: BlipForConditionalGeneration and BlipForQuestionAnswering. */
import { z } from 'zod';
import { input, type Value } from '../graph/index.js';
import type { Scope } from '../nn/index.js';
import { blipTextLogits, blipTextModel, blipTextSchema } from './blip-text.js';
import { blipVisionModel, blipVisionSchema } from './blip-vision.js';
import { parseConfig, withDefault } from './config.js';
import type { NetworkKind } from './network-kind.js';

const schemaOf = (architecture: string) =>
  z.object({
    architectures: withDefault(z.tuple([z.literal(architecture)]), [architecture]),
    model_type: withDefault(z.literal('blip'), 'blip'),
    text_config: blipTextSchema,
    vision_config: blipVisionSchema,
  });

export type BlipConfig = z.output<ReturnType<typeof schemaOf>>;

/** States [B, S, D] of pixels [B, 3, H, W], for the others to look at. */
export function blipImageStates(scope: Scope, { vision_config }: BlipConfig, pixels: Value): Value {
  return blipVisionModel(scope.at('vision_model'), vision_config, pixels);
}

/** States [B, T, C] of questions int32 [B, T] about pictures of those states; tokens from the `visible`-th on are padding. */
export function blipQuestionStates(
  scope: Scope,
  { text_config }: BlipConfig,
  ids: Value,
  image: Value,
  visible?: number,
): Value {
  return blipTextModel(scope.at('text_encoder'), text_config, ids, image, { causal: false, visible });
}

/** Logits [N, vocabulary] of the token after rows [N] of ids [B, T], written while looking at states [B, S, D]. */
export function blipDecoderLogits(
  scope: Scope,
  { text_config }: BlipConfig,
  ids: Value,
  states: Value,
  rows: Value,
): Value {
  return blipTextLogits(scope.at('text_decoder'), text_config, ids, states, rows);
}

/** Published files repeat the tied output layer. */
const IGNORED = /(^|\.)(embeddings\.position_ids|cls\.predictions\.decoder\.(weight|bias))$/;

function kind(architecture: string, asks: boolean): NetworkKind<BlipConfig> {
  const schema = schemaOf(architecture);
  return {
    weights: 'model',
    parseConfig: (json) => parseConfig('config.json', schema, json),
    declare: (scope, config) => {
      const { image_size: side } = config.vision_config;
      const ids = input('ids', [1, 1], 'int32');
      const image = blipImageStates(scope, config, input('pixels', [1, 3, side, side]));
      const states = asks ? blipQuestionStates(scope, config, ids, image) : image;
      blipDecoderLogits(scope, config, ids, states, input('rows', [1], 'int32'));
    },
    ignored: IGNORED,
  };
}

export const BLIP_CAPTIONING = kind('BlipForConditionalGeneration', false);
export const BLIP_ANSWERING = kind('BlipForQuestionAnswering', true);
