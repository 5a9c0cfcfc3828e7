/** Configurations read off shapes: those of published models, from the shapes that they themselves give. */
import { describe, expect, test } from 'vitest';
import { type JsonObject, type NetworkKind, parseUNetConfig } from '../../../src/models/index.js';
import { CLIP_TEXT, VAE } from '../../../src/models/network-kind.js';
import { FAMILIES } from '../../../src/models/single-file/families.js';
import type { Shapes } from '../../../src/models/single-file/shapes.js';
import type { Place } from '../../../src/models/single-file/stored-tensors.js';
import { textConfigOf } from '../../../src/models/single-file/text-config-of.js';
import { originalTextPlace } from '../../../src/models/single-file/text-keys.js';
import { unetConfigOf } from '../../../src/models/single-file/unet-config-of.js';
import { originalUNetKeys } from '../../../src/models/single-file/unet-keys.js';
import { vaeConfigOf } from '../../../src/models/single-file/vae-config-of.js';
import { originalVaePlace } from '../../../src/models/single-file/vae-keys.js';
import { unetParameterShapes } from '../../../src/models/unet-parameters.js';
import { Scope } from '../../../src/nn/index.js';

const { sd1, sd2, sdxl } = FAMILIES;

/** The configurations that were published, without what has the default of the class. */
const FOUR = { block_out_channels: [320, 640, 1280, 1280] };
const XL = {
  addition_embed_type: 'text_time',
  addition_time_embed_dim: 256,
  block_out_channels: [320, 640, 1280],
  cross_attention_dim: 2048,
  down_block_types: ['DownBlock2D', 'CrossAttnDownBlock2D', 'CrossAttnDownBlock2D'],
  projection_class_embeddings_input_dim: 2816,
  up_block_types: ['CrossAttnUpBlock2D', 'CrossAttnUpBlock2D', 'UpBlock2D'],
  use_linear_projection: true,
};
const UNETS = {
  'Stable Diffusion 1.5': [
    sd1,
    { ...FOUR, attention_head_dim: 8, cross_attention_dim: 768, sample_size: 64 },
  ],
  'Stable Diffusion 2.1': [
    sd2,
    {
      ...FOUR,
      attention_head_dim: [5, 10, 20, 20],
      cross_attention_dim: 1024,
      sample_size: 96,
      upcast_attention: true,
      use_linear_projection: true,
    },
  ],
  'Stable Diffusion XL': [
    sdxl,
    { ...XL, attention_head_dim: [5, 10, 20], sample_size: 128, transformer_layers_per_block: [1, 2, 10] },
  ],
  'small-sd, one layer in each block': [
    sd1,
    { ...FOUR, attention_head_dim: 8, cross_attention_dim: 768, layers_per_block: 1, sample_size: 64 },
  ],
  'tiny-sd, nothing in the middle': [
    sd1,
    {
      ...FOUR,
      attention_head_dim: 8,
      block_out_channels: [320, 640, 1280],
      cross_attention_dim: 768,
      down_block_types: ['CrossAttnDownBlock2D', 'CrossAttnDownBlock2D', 'CrossAttnDownBlock2D'],
      layers_per_block: 1,
      mid_block_type: null,
      sample_size: 64,
      up_block_types: ['CrossAttnUpBlock2D', 'CrossAttnUpBlock2D', 'CrossAttnUpBlock2D'],
    },
  ],
  'SSD-1B, a different depth in each layer': [
    sdxl,
    {
      ...XL,
      attention_head_dim: [5, 10, 20],
      mid_block_type: 'UNetMidBlock2D',
      reverse_transformer_layers_per_block: [[10, 4, 4], [2, 1, 1], 1],
      sample_size: 128,
      transformer_layers_per_block: [1, 2, 4],
    },
  ],
} as const;

function shapesOf(kind: NetworkKind<unknown>, json: JsonObject, placeOf: (key: string) => Place): Shapes {
  const shapes = new Map<string, readonly number[]>();
  for (const [key, { shape }] of Scope.declared('x', (scope) =>
    kind.declare(scope, kind.parseConfig(json)),
  )) {
    const place = placeOf(key);
    const [rows, ...rest] = shape;
    shapes.set(
      place.key,
      place.form === 'transposed'
        ? shape.toReversed()
        : place.form === 'query'
          ? [3 * rows!, ...rest]
          : shape,
    );
  }
  return shapes;
}

describe('the UNet of', () => {
  test.each(Object.entries(UNETS))('%s', (_, [family, published]) => {
    const config = parseUNetConfig(published);
    const declared = unetParameterShapes(config);
    const original = originalUNetKeys(config, declared.keys());
    const shapes = new Map([...declared].map(([key, shape]) => [original.get(key)!, shape]));
    const options = { sampleSize: published.sample_size, pooledWidth: family === sdxl ? 1280 : undefined };
    expect(parseUNetConfig(unetConfigOf(shapes, family, options))).toEqual({
      ...config,
      _class_name: 'UNet2DConditionModel',
    });
  });
});

test('an autoencoder', () => {
  const published = {
    block_out_channels: [128, 256, 512, 512],
    down_block_types: new Array(4).fill('DownEncoderBlock2D'),
    up_block_types: new Array(4).fill('UpDecoderBlock2D'),
    layers_per_block: 2,
    latent_channels: 4,
  };
  const shapes = shapesOf(VAE, published, (key) => originalVaePlace(key, 4));
  expect(VAE.parseConfig(vaeConfigOf(shapes, sd1))).toEqual(VAE.parseConfig(published));
  const scaling_factor = 0.13025;
  expect(VAE.parseConfig(vaeConfigOf(shapes, sdxl))).toEqual(
    VAE.parseConfig({ ...published, scaling_factor }),
  );
});

describe('the text encoder of', () => {
  const base = { vocab_size: 49408, max_position_embeddings: 77, eos_token_id: 2 };
  const large = { ...base, hidden_size: 768, intermediate_size: 3072, projection_dim: 768 };
  const huge = {
    ...base,
    hidden_act: 'gelu',
    hidden_size: 1024,
    intermediate_size: 4096,
    projection_dim: 1024,
  };
  const giant = {
    ...base,
    architectures: ['CLIPTextModelWithProjection'],
    hidden_act: 'gelu',
    hidden_size: 1280,
    intermediate_size: 5120,
    projection_dim: 1280,
  };
  test.each([
    ['Stable Diffusion 1', sd1, 0, { ...large, num_hidden_layers: 12, num_attention_heads: 12 }],
    ['Stable Diffusion 2', sd2, 0, { ...huge, num_hidden_layers: 23, num_attention_heads: 16 }],
    ['Stable Diffusion XL, first', sdxl, 0, { ...large, num_hidden_layers: 12, num_attention_heads: 12 }],
    ['Stable Diffusion XL, second', sdxl, 1, { ...giant, num_hidden_layers: 32, num_attention_heads: 20 }],
  ] as const)('%s', (_, family, index, published) => {
    const encoder = family.textEncoders[index]!;
    const shapes = new Map(shapesOf(CLIP_TEXT, published, (key) => originalTextPlace(encoder, key)));
    if (family === sd2) shapes.set('transformer.resblocks.23.ln_1.weight', [1024]);
    expect(CLIP_TEXT.parseConfig(textConfigOf(shapes, encoder))).toEqual(CLIP_TEXT.parseConfig(published));
  });
});
