/** A transformer over the positions of a feature map, conditioned on a sequence. */
import type { Value } from '../graph/index.js';
import { conv1x1, groupNorm, linear, type Scope } from '../nn/index.js';
import { add, reshape, transpose } from '../ops/index.js';
import { basicTransformerBlock } from './attention.js';

export interface Transformer2DOptions {
  /** [B, S, D] */
  readonly context: Value;
  readonly heads: number;
  /** Number of transformer blocks. */
  readonly layers: number;
  readonly groups: number;
  /** Projections as linear layers (SD 2, XL) and not as 1×1 convolutions (SD 1). */
  readonly linearProjection: boolean;
}

/** [B, C, H, W] → [B, H · W, C] */
function toTokens(x: Value): Value {
  const [batch, channels] = x.shape as [number, number];
  return reshape(transpose(x, [0, 2, 3, 1]), [batch, -1, channels]);
}

/** [B, H · W, C] → [B, C, H, W] */
function toPlanes(tokens: Value, height: number, width: number): Value {
  const [batch, , channels] = tokens.shape as [number, number, number];
  return transpose(reshape(tokens, [batch, height, width, channels]), [0, 3, 1, 2]);
}

/** diffusers' Transformer2DModel for continuous input: x [B, C, H, W] → [B, C, H, W]. */
export function transformer2D(scope: Scope, x: Value, options: Transformer2DOptions): Value {
  const { context, heads, layers, groups, linearProjection } = options;
  const [, channels, height, width] = x.shape as [number, number, number, number];
  const inner = heads * Math.floor(channels / heads);
  const normed = groupNorm(scope.at('norm'), x, groups, 1e-6);
  let tokens = linearProjection
    ? linear(scope.at('proj_in'), toTokens(normed), inner)
    : toTokens(conv1x1(scope.at('proj_in'), normed, inner));
  for (let i = 0; i < layers; i++) {
    tokens = basicTransformerBlock(scope.at('transformer_blocks', i), tokens, context, heads);
  }
  const out = linearProjection
    ? toPlanes(linear(scope.at('proj_out'), tokens, channels), height, width)
    : conv1x1(scope.at('proj_out'), toPlanes(tokens, height, width), channels);
  return add(out, x);
}
