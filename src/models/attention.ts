/** Attention layers over token sequences: multi-head attention, the gated feed-forward network, the transformer block. */
import type { Value } from '../graph/index.js';
import { layerNorm, linear, type Scope } from '../nn/index.js';
import { add, attention, geglu, reshape, transpose } from '../ops/index.js';

/** [B, T, heads · D] → [B, heads, T, D] */
function splitHeads(x: Value, heads: number): Value {
  const [batch, tokens] = x.shape as [number, number];
  return transpose(reshape(x, [batch, tokens, heads, -1]), [0, 2, 1, 3]);
}

/** [B, heads, T, D] → [B, T, heads · D] */
function mergeHeads(x: Value): Value {
  const [batch, , tokens] = x.shape as [number, number, number];
  return reshape(transpose(x, [0, 2, 1, 3]), [batch, tokens, -1]);
}

/** diffusers' Attention: queries of x [B, T, C] look at context [B, S, D] (x itself for self-attention) → [B, T, C]. */
export function multiHeadAttention(scope: Scope, x: Value, context: Value, heads: number): Value {
  const width = x.shape[2]!;
  const project = (name: string, from: Value) =>
    splitHeads(linear(scope.at(name), from, width, { bias: false }), heads);
  const q = project('to_q', x);
  const k = project('to_k', context);
  const v = project('to_v', context);
  const mixed = attention(q, k, v, { scale: 1 / Math.sqrt(width / heads), causal: false });
  return linear(scope.at('to_out', 0), mergeHeads(mixed), width);
}

/** diffusers' FeedForward with GEGLU: x [B, T, C] → (a ⊙ gelu(b)) W with [a, b] = x V of width 8 C → [B, T, C]. */
export function feedForward(scope: Scope, x: Value): Value {
  const width = x.shape[2]!;
  const inner = 4 * width;
  const gated = geglu(linear(scope.at('net', 0, 'proj'), x, 2 * inner));
  return linear(scope.at('net', 2), gated, width);
}

/** diffusers' BasicTransformerBlock: self-attention, cross-attention, feed-forward, each on a normed copy and added. */
export function basicTransformerBlock(scope: Scope, x: Value, context: Value, heads: number): Value {
  const normed = layerNorm(scope.at('norm1'), x);
  const self = add(multiHeadAttention(scope.at('attn1'), normed, normed, heads), x);
  const cross = add(
    multiHeadAttention(scope.at('attn2'), layerNorm(scope.at('norm2'), self), context, heads),
    self,
  );
  const y = add(feedForward(scope.at('ff'), layerNorm(scope.at('norm3'), cross)), cross);
  return scope.adapted({ kind: 'block', x: cross, y });
}
