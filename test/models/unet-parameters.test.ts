/** Names, shapes and order of the weights of the published UNets, as diffusers lists them. */
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { parseUNetConfig } from '../../src/models/unet-2d-condition.js';
import { declareUNet, unetParameterShapes } from '../../src/models/unet-parameters.js';
import { Scope } from '../../src/nn/index.js';

/** What their config.json says besides diffusers' defaults. */
const PUBLISHED = {
  sd15: { cross_attention_dim: 768 },
  sd21: { cross_attention_dim: 1024, attention_head_dim: [5, 10, 20, 20], use_linear_projection: true },
  sdxl: {
    addition_embed_type: 'text_time',
    addition_time_embed_dim: 256,
    attention_head_dim: [5, 10, 20],
    block_out_channels: [320, 640, 1280],
    cross_attention_dim: 2048,
    down_block_types: ['DownBlock2D', 'CrossAttnDownBlock2D', 'CrossAttnDownBlock2D'],
    projection_class_embeddings_input_dim: 2816,
    transformer_layers_per_block: [1, 2, 10],
    up_block_types: ['CrossAttnUpBlock2D', 'CrossAttnUpBlock2D', 'UpBlock2D'],
    use_linear_projection: true,
  },
};

const TINY = {
  block_out_channels: [4, 8],
  norm_num_groups: 2,
  cross_attention_dim: 6,
  attention_head_dim: 2,
  layers_per_block: 1,
  down_block_types: ['CrossAttnDownBlock2D', 'DownBlock2D'],
  up_block_types: ['UpBlock2D', 'CrossAttnUpBlock2D'],
};

const keysOf = (json: object) => [...unetParameterShapes(parseUNetConfig(json)).keys()];

describe('unetParameterShapes', () => {
  it.each(Object.entries(PUBLISHED))('lists the weights of %s in diffusers’ order', (name, json) => {
    const path = `test/fixtures/unet/parameter-order/${name}.json`;
    const expected = JSON.parse(readFileSync(path, 'utf8'));
    expect([...unetParameterShapes(parseUNetConfig(json))]).toEqual(expected);
  });

  it('is the order in which a network’s weights are declared', () => {
    const config = parseUNetConfig(TINY);
    const parameters = Scope.initialize('unet', 1, (scope) => declareUNet(scope, config));
    expect([...parameters].map(([key, { shape }]) => [key, shape])).toEqual([...unetParameterShapes(config)]);
  });

  it('has a middle block of one residual block, or none', () => {
    const middle = (mid_block_type: string | null) =>
      keysOf({ ...TINY, mid_block_type }).filter((key) => key.startsWith('mid_block'));
    expect(middle('UNetMidBlock2D').every((key) => key.startsWith('mid_block.resnets.0.'))).toBe(true);
    expect(middle('UNetMidBlock2D')).toHaveLength(10);
    expect(middle(null)).toEqual([]);
  });

  it('takes numbers of transformer blocks for each layer', () => {
    const keys = keysOf({
      ...TINY,
      layers_per_block: 2,
      transformer_layers_per_block: [[0, 2], 3],
      reverse_transformer_layers_per_block: [1, [1, 0, 2]],
    });
    const blocks = (path: string) =>
      new Set(keys.flatMap((key) => key.match(`^${path}\\.transformer_blocks\\.\\d+`)?.[0] ?? [])).size;
    expect([0, 1].map((i) => blocks(`down_blocks.0.attentions.${i}`))).toEqual([0, 2]);
    expect(blocks('mid_block.attentions.0')).toBe(3);
    expect([0, 1, 2].map((i) => blocks(`up_blocks.1.attentions.${i}`))).toEqual([1, 0, 2]);
    expect(keys).toContain('down_blocks.0.attentions.0.proj_out.weight');
  });
});
