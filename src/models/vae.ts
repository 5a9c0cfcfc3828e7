/** Encoder and decoder of the image autoencoder: diffusers' models/autoencoders/vae.py at 58eb52c, keys included. */
import { segment, type Value } from '../graph/index.js';
import { activation, conv, groupNorm, linear, type Scope, silu } from '../nn/index.js';
import { add, attention, reshape, transpose } from '../ops/index.js';
import type { VaeConfig } from './autoencoder-kl-config.js';
import { downsample2D, resnetBlock2D, upsample2D } from './resnet.js';

/** Of every normalization in the autoencoder. */
const EPSILON = 1e-6;

/** x [N, in_channels, H, W] → [N, 2·latent_channels, H/f, W/f], f = 2^(levels − 1) */
export function encoder(scope: Scope, config: VaeConfig, image: Value): Value {
  const { block_out_channels: widths, layers_per_block: layers, latent_channels } = config;
  const last = widths.length - 1;
  let x = conv(scope.at('conv_in'), image, widths[0]!);
  widths.forEach((channels, level) => {
    const block = scope.at('down_blocks', level);
    x = segment(() => {
      const hidden = resnets(block, config, x, channels, layers);
      return level === last ? hidden : downsample2D(block.at('downsamplers', 0), hidden, 0);
    });
  });
  x = segment(() => midBlock(scope.at('mid_block'), config, x));
  x = silu(groupNorm(scope.at('conv_norm_out'), x, config.norm_num_groups, EPSILON));
  return conv(scope.at('conv_out'), x, 2 * latent_channels);
}

/** z [N, latent_channels, h, w] → [N, out_channels, f·h, f·w] */
export function decoder(scope: Scope, config: VaeConfig, latents: Value): Value {
  const { layers_per_block: layers } = config;
  const widths = config.block_out_channels.toReversed();
  const last = widths.length - 1;
  let x = conv(scope.at('conv_in'), latents, widths[0]!);
  x = segment(() => midBlock(scope.at('mid_block'), config, x));
  widths.forEach((channels, level) => {
    const block = scope.at('up_blocks', level);
    x = segment(() => {
      const hidden = resnets(block, config, x, channels, layers + 1);
      return level === last ? hidden : upsample2D(block.at('upsamplers', 0), hidden);
    });
  });
  x = silu(groupNorm(scope.at('conv_norm_out'), x, config.norm_num_groups, EPSILON));
  return conv(scope.at('conv_out'), x, config.out_channels);
}

function resnets(scope: Scope, config: VaeConfig, input: Value, channels: number, count: number): Value {
  let x = input;
  for (let i = 0; i < count; i++) x = resnet(scope.at('resnets', i), config, x, channels);
  return x;
}

function resnet(scope: Scope, config: VaeConfig, x: Value, channels: number): Value {
  const { act_fn, norm_num_groups: groups } = config;
  return resnetBlock2D(scope, x, undefined, channels, { groups, epsilon: EPSILON, act: activation(act_fn) });
}

/** Two residual blocks with, unless the config says no, attention between them. */
function midBlock(scope: Scope, config: VaeConfig, input: Value): Value {
  const channels = input.shape[1]!;
  let x = resnet(scope.at('resnets', 0), config, input, channels);
  if (config.mid_block_add_attention) x = spatialAttention(scope.at('attentions', 0), config, x);
  return resnet(scope.at('resnets', 1), config, x, channels);
}

/** Names of the four projections now, and as Stable Diffusion 1's published autoencoders have them. */
const PROJECTIONS = { q: 'to_q', k: 'to_k', v: 'to_v', out: 'to_out.0' };
const DEPRECATED_PROJECTIONS = { q: 'query', k: 'key', v: 'value', out: 'proj_attn' };

/** Self-attention over all positions with a single head, added to its input [N, C, H, W]. */
function spatialAttention(scope: Scope, config: VaeConfig, x: Value): Value {
  const [batch, channels, height, width] = x.shape as [number, number, number, number];
  const current = scope.has(`${PROJECTIONS.q}.weight`) || !scope.has(`${DEPRECATED_PROJECTIONS.q}.weight`);
  const names = current ? PROJECTIONS : DEPRECATED_PROJECTIONS;
  const normed = groupNorm(scope.at('group_norm'), x, config.norm_num_groups, EPSILON);
  const tokens = transpose(reshape(normed, [batch, channels, -1]), [0, 2, 1]);
  const project = (name: string) =>
    reshape(linear(scope.at(name), tokens, channels), [batch, 1, height * width, channels]);
  const mixed = attention(project(names.q), project(names.k), project(names.v), {
    scale: 1 / Math.sqrt(channels),
    causal: false,
  });
  const out = linear(scope.at(names.out), reshape(mixed, [batch, height * width, channels]), channels);
  return add(x, reshape(transpose(out, [0, 2, 1]), x.shape));
}
