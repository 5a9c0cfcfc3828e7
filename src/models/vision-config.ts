/** What the configurations of CLIP's and BLIP's image towers have in common, with the defaults in which they differ given. */
import { z } from 'zod';
import { CLIP_ACTIVATIONS, headsDivide } from './clip-layer.js';
import { count, withDefault } from './config.js';

interface Defaults {
  readonly image_size: number;
  readonly patch_size: number;
  readonly hidden_act: (typeof CLIP_ACTIVATIONS)[number];
}

/** The keys of a vision_config; patches cover the picture. */
export function visionSchema({ image_size, patch_size, hidden_act }: Defaults) {
  return z
    .object({
      hidden_size: withDefault(count, 768),
      intermediate_size: withDefault(count, 3072),
      num_hidden_layers: withDefault(count, 12),
      num_attention_heads: withDefault(count, 12),
      num_channels: withDefault(z.literal(3), 3),
      image_size: withDefault(count, image_size),
      patch_size: withDefault(count, patch_size),
      hidden_act: withDefault(z.enum(CLIP_ACTIVATIONS), hidden_act),
      layer_norm_eps: withDefault(z.number().positive(), 1e-5),
    })
    .superRefine(headsDivide)
    .superRefine((config, context) => {
      if (config.image_size % config.patch_size === 0) return;
      const message = `expected a divisor of image_size, ${config.image_size}`;
      context.addIssue({ code: 'custom', path: ['patch_size'], message });
    });
}
