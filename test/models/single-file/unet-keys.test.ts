/** Names of UNet weights in original files: against the published names, typed by hand. */
import { describe, expect, test } from 'vitest';
import { originalUNetKeys } from '../../../src/models/single-file/unet-keys.js';
import { parseUNetConfig } from '../../../src/models/unet-2d-condition.js';
import { unetParameterShapes } from '../../../src/models/unet-parameters.js';

const SD1 = parseUNetConfig({ cross_attention_dim: 768 });
const SD2 = parseUNetConfig({
  attention_head_dim: [5, 10, 20, 20],
  cross_attention_dim: 1024,
  use_linear_projection: true,
});
const SDXL = parseUNetConfig({
  block_out_channels: [320, 640, 1280],
  down_block_types: ['DownBlock2D', 'CrossAttnDownBlock2D', 'CrossAttnDownBlock2D'],
  up_block_types: ['CrossAttnUpBlock2D', 'CrossAttnUpBlock2D', 'UpBlock2D'],
  transformer_layers_per_block: [1, 2, 10],
  attention_head_dim: [5, 10, 20],
  cross_attention_dim: 2048,
  use_linear_projection: true,
  addition_embed_type: 'text_time',
  addition_time_embed_dim: 256,
  projection_class_embeddings_input_dim: 2816,
});

/** diffusers' key, original key. */
const SPOTS_OF_FOUR_LEVELS: [string, string][] = [
  ['conv_in.weight', 'input_blocks.0.0.weight'],
  ['conv_in.bias', 'input_blocks.0.0.bias'],
  ['time_embedding.linear_1.weight', 'time_embed.0.weight'],
  ['time_embedding.linear_2.bias', 'time_embed.2.bias'],
  ['down_blocks.0.resnets.0.norm1.weight', 'input_blocks.1.0.in_layers.0.weight'],
  ['down_blocks.0.resnets.0.time_emb_proj.weight', 'input_blocks.1.0.emb_layers.1.weight'],
  ['down_blocks.0.attentions.0.norm.bias', 'input_blocks.1.1.norm.bias'],
  [
    'down_blocks.0.attentions.1.transformer_blocks.0.attn2.to_k.weight',
    'input_blocks.2.1.transformer_blocks.0.attn2.to_k.weight',
  ],
  ['down_blocks.0.downsamplers.0.conv.weight', 'input_blocks.3.0.op.weight'],
  ['down_blocks.1.resnets.0.conv_shortcut.weight', 'input_blocks.4.0.skip_connection.weight'],
  [
    'down_blocks.1.attentions.1.transformer_blocks.0.ff.net.0.proj.weight',
    'input_blocks.5.1.transformer_blocks.0.ff.net.0.proj.weight',
  ],
  ['down_blocks.1.downsamplers.0.conv.bias', 'input_blocks.6.0.op.bias'],
  ['down_blocks.2.resnets.1.conv2.bias', 'input_blocks.8.0.out_layers.3.bias'],
  ['down_blocks.2.attentions.1.proj_out.weight', 'input_blocks.8.1.proj_out.weight'],
  ['down_blocks.2.downsamplers.0.conv.weight', 'input_blocks.9.0.op.weight'],
  ['down_blocks.3.resnets.0.conv1.weight', 'input_blocks.10.0.in_layers.2.weight'],
  ['down_blocks.3.resnets.1.norm2.weight', 'input_blocks.11.0.out_layers.0.weight'],
  ['mid_block.resnets.0.conv1.weight', 'middle_block.0.in_layers.2.weight'],
  [
    'mid_block.attentions.0.transformer_blocks.0.attn1.to_out.0.bias',
    'middle_block.1.transformer_blocks.0.attn1.to_out.0.bias',
  ],
  ['mid_block.resnets.1.norm2.bias', 'middle_block.2.out_layers.0.bias'],
  ['up_blocks.0.resnets.0.conv_shortcut.weight', 'output_blocks.0.0.skip_connection.weight'],
  ['up_blocks.0.resnets.2.conv1.bias', 'output_blocks.2.0.in_layers.2.bias'],
  ['up_blocks.0.upsamplers.0.conv.weight', 'output_blocks.2.1.conv.weight'],
  ['up_blocks.1.resnets.0.norm1.weight', 'output_blocks.3.0.in_layers.0.weight'],
  ['up_blocks.1.attentions.2.proj_in.bias', 'output_blocks.5.1.proj_in.bias'],
  ['up_blocks.1.upsamplers.0.conv.bias', 'output_blocks.5.2.conv.bias'],
  ['up_blocks.2.upsamplers.0.conv.weight', 'output_blocks.8.2.conv.weight'],
  [
    'up_blocks.3.attentions.2.transformer_blocks.0.norm3.weight',
    'output_blocks.11.1.transformer_blocks.0.norm3.weight',
  ],
  ['up_blocks.3.resnets.2.conv_shortcut.bias', 'output_blocks.11.0.skip_connection.bias'],
  ['conv_norm_out.weight', 'out.0.weight'],
  ['conv_out.bias', 'out.2.bias'],
];

const SPOTS_OF_XL: [string, string][] = [
  ['add_embedding.linear_1.weight', 'label_emb.0.0.weight'],
  ['add_embedding.linear_2.bias', 'label_emb.0.2.bias'],
  ['down_blocks.0.resnets.1.conv1.weight', 'input_blocks.2.0.in_layers.2.weight'],
  ['down_blocks.0.downsamplers.0.conv.weight', 'input_blocks.3.0.op.weight'],
  [
    'down_blocks.1.attentions.0.transformer_blocks.1.attn2.to_v.weight',
    'input_blocks.4.1.transformer_blocks.1.attn2.to_v.weight',
  ],
  ['down_blocks.1.downsamplers.0.conv.bias', 'input_blocks.6.0.op.bias'],
  [
    'down_blocks.2.attentions.1.transformer_blocks.9.ff.net.2.bias',
    'input_blocks.8.1.transformer_blocks.9.ff.net.2.bias',
  ],
  ['mid_block.attentions.0.proj_in.weight', 'middle_block.1.proj_in.weight'],
  [
    'up_blocks.0.attentions.2.transformer_blocks.9.attn1.to_q.weight',
    'output_blocks.2.1.transformer_blocks.9.attn1.to_q.weight',
  ],
  ['up_blocks.0.upsamplers.0.conv.weight', 'output_blocks.2.2.conv.weight'],
  ['up_blocks.1.attentions.0.norm.weight', 'output_blocks.3.1.norm.weight'],
  ['up_blocks.1.upsamplers.0.conv.bias', 'output_blocks.5.2.conv.bias'],
  ['up_blocks.2.resnets.2.conv_shortcut.weight', 'output_blocks.8.0.skip_connection.weight'],
];

describe.each([
  ['1', SD1, SPOTS_OF_FOUR_LEVELS, 686],
  ['2', SD2, SPOTS_OF_FOUR_LEVELS, 686],
  ['XL', SDXL, SPOTS_OF_XL, 1680],
] as const)('Stable Diffusion %s', (_, config, spots, count) => {
  const keys = [...unetParameterShapes(config).keys()];
  const original = originalUNetKeys(config, keys);

  test.each(spots)('%s is %s', (key, expected) => {
    expect(original.get(key)).toBe(expected);
  });

  test('every weight has a name of its own', () => {
    expect(original.size).toBe(count);
    expect(new Set(original.values()).size).toBe(count);
  });
});

test('a key of no UNet, or of a block that this one lacks, is refused', () => {
  expect(() => originalUNetKeys(SDXL, ['down_blocks.3.resnets.0.conv1.weight'])).toThrow(
    'the weight "down_blocks.3.resnets.0.conv1.weight" has no place in a UNet of this configuration',
  );
});
