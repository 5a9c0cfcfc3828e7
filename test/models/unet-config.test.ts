/** unet/config.json: diffusers' defaults, and errors that name key, value and what is supported. */
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { InputError } from '../../src/errors.js';
import { parseUNetConfig } from '../../src/models/unet-2d-condition.js';

describe('parseUNetConfig', () => {
  it('takes diffusers’ defaults for missing keys', () => {
    expect(parseUNetConfig({})).toMatchObject({
      in_channels: 4,
      block_out_channels: [320, 640, 1280, 1280],
      cross_attention_dim: 1280,
      attention_head_dim: 8,
      norm_num_groups: 32,
      norm_eps: 1e-5,
      flip_sin_to_cos: true,
      mid_block_type: 'UNetMidBlock2DCrossAttn',
      transformer_layers_per_block: 1,
    });
  });

  it('reads what diffusers writes, and what its moving average adds', () => {
    const json = JSON.parse(readFileSync('test/fixtures/unet/sd15/config.json', 'utf8'));
    const saved = { ...json, decay: 0.9999, optimization_step: 100, use_ema_warmup: false };
    expect(parseUNetConfig(saved)).toMatchObject(json);
  });

  it.each([
    [{ act_fn: 'mish' }, 'act_fn "mish" is not supported; use silu, swish, gelu or relu'],
    [{ norm_num_groups: null }, 'norm_num_groups null is not supported; use a whole number'],
    [{ class_embed_type: 'timestep' }, 'class_embed_type "timestep" is not supported; use null'],
    [{ num_attention_heads: 8 }, 'num_attention_heads 8 is not supported; use null'],
    [{ resnet_time_scale_shift: 'scale_shift' }, 'resnet_time_scale_shift "scale_shift" is not supported'],
    [{ only_cross_attention: [false, true, false, false] }, 'only_cross_attention [false,true,false,false]'],
    [{ time_cond_proj_dim: 256 }, 'time_cond_proj_dim 256 is not supported; use null'],
    [{ dropout: 0.1 }, 'dropout 0.1 is not supported; use 0'],
    [{ conv_in_kernel: 4 }, 'conv_in_kernel 4 is not supported; use an odd whole number'],
    [{ addition_embed_type: 'image' }, 'addition_embed_type "image" is not supported; use null or text_time'],
    [{ addition_embed_type: 'text_time' }, 'addition_time_embed_dim is missing; use a whole number'],
    [
      { _class_name: 'UNet2DModel' },
      '_class_name "UNet2DModel" is not supported; use "UNet2DConditionModel"',
    ],
    [
      { mid_block_type: 'UNetMidBlock2DSimpleCrossAttn' },
      'use UNetMidBlock2DCrossAttn, UNetMidBlock2D or null',
    ],
    [{ attention_head_dim: [8, 8] }, 'attention_head_dim [8,8] is not supported; use 4 entries'],
    [{ cross_attention_dim: [768, 768, 768, 1024] }, 'use a whole number, or a list that repeats one'],
    [{ attention_head_dim: 641 }, 'use no more heads than block_out_channels has channels'],
    [{ block_out_channels: [320, 640, 1280, 1281] }, 'use multiples of norm_num_groups, 32'],
    [
      { transformer_layers_per_block: [1, [1, 1], 1, 1] },
      'reverse_transformer_layers_per_block is missing; use a list',
    ],
    [
      {
        transformer_layers_per_block: [1, [1], 1, 1],
        reverse_transformer_layers_per_block: [1, 1, 1, 1],
      },
      'use one entry for each of the layers_per_block',
    ],
    [
      {
        transformer_layers_per_block: [1, [1, 1], 1, 1],
        reverse_transformer_layers_per_block: [1, 1, [1, 1], 1],
      },
      'use one entry more than layers_per_block for each block',
    ],
    [
      { blok_out_channels: [320] },
      'the key "blok_out_channels" is not one of UNet2DConditionModel; remove it',
    ],
    [[], 'unet/config.json'],
    [null, 'unet/config.json'],
  ])('refuses %j', (json, message) => {
    const parse = () => parseUNetConfig(json);
    expect(parse).toThrow(InputError);
    expect(parse).toThrow(message);
    expect(parse).toThrow(/^unet\/config\.json: /);
  });

  it('names the block type that it does not have', () => {
    const down_block_types = ['AttnDownBlock2D', 'DownBlock2D', 'DownBlock2D', 'DownBlock2D'];
    expect(() => parseUNetConfig({ down_block_types })).toThrow(
      'down_block_types ["AttnDownBlock2D","DownBlock2D","DownBlock2D","DownBlock2D"] is not supported; use a list of CrossAttnDownBlock2D and DownBlock2D',
    );
  });
});
