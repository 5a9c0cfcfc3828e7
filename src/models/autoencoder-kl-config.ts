/** vae/config.json: what of diffusers' AutoencoderKL (models/autoencoders/autoencoder_kl.py at 58eb52c) is supported. */
import { z } from 'zod';
import { count, parseConfig, withDefault } from './config.js';

/** Keys and defaults are those of the Python class. */
const schema = z
  .object({
    _class_name: withDefault(z.literal('AutoencoderKL'), 'AutoencoderKL'),
    in_channels: withDefault(count, 3),
    out_channels: withDefault(count, 3),
    down_block_types: withDefault(z.array(z.literal('DownEncoderBlock2D')), ['DownEncoderBlock2D']),
    up_block_types: withDefault(z.array(z.literal('UpDecoderBlock2D')), ['UpDecoderBlock2D']),
    block_out_channels: withDefault(z.array(count).nonempty(), [64]),
    layers_per_block: withDefault(count, 1),
    act_fn: withDefault(z.enum(['silu', 'swish', 'gelu', 'relu']), 'silu'),
    latent_channels: withDefault(count, 4),
    norm_num_groups: withDefault(count, 32),
    scaling_factor: withDefault(z.number().positive(), 0.18215),
    shift_factor: withDefault(z.number(), 0),
    latents_mean: z.null('expected null').optional(),
    latents_std: z.null('expected null').optional(),
    use_quant_conv: withDefault(z.boolean(), true),
    use_post_quant_conv: withDefault(z.boolean(), true),
    mid_block_add_attention: withDefault(z.boolean(), true),
  })
  .superRefine((config, context) => {
    const { block_out_channels: widths, norm_num_groups: groups } = config;
    const refuse = (key: string, message: string) =>
      context.addIssue({ code: 'custom', path: [key], message });
    for (const key of ['down_block_types', 'up_block_types'] as const) {
      if (config[key].length !== widths.length)
        refuse(key, `expected ${widths.length} blocks, as many as block_out_channels`);
    }
    if (widths.some((channels) => channels % groups !== 0))
      refuse('block_out_channels', `expected multiples of norm_num_groups, ${groups}`);
  });

export type VaeConfig = z.output<typeof schema>;

/** Reads vae/config.json. Throws InputError where it asks for what is not supported. */
export function parseVaeConfig(json: unknown): VaeConfig {
  return parseConfig('vae/config.json', schema, json);
}

/** Pixels a latent is wide and high. */
export function vaeScaleFactor({ block_out_channels }: Pick<VaeConfig, 'block_out_channels'>): number {
  return 2 ** (block_out_channels.length - 1);
}
