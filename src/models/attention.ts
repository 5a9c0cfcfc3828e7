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

/** Queries [B, T, C] look at keys and values [B, S, C], split among heads → [B, T, C]; `causal`: at earlier ones alone. */
export function attendByHeads(
  queries: Value,
  keys: Value,
  values: Value,
  { heads, causal }: { heads: number; causal: boolean },
): Value {
  const scale = 1 / Math.sqrt(queries.shape[2]! / heads);
  const [q, k, v] = [queries, keys, values].map((x) => splitHeads(x, heads)) as [Value, Value, Value];
  return mergeHeads(attention(q, k, v, { scale, causal }));
}

/** diffusers' Attention: queries of x [B, T, C] look at context [B, S, D] (x itself for self-attention) → [B, T, C]. */
export function multiHeadAttention(scope: Scope, x: Value, context: Value, heads: number): Value {
  const width = x.shape[2]!;
  const project = (name: string, from: Value) => linear(scope.at(name), from, width, { bias: false });
  const [q, k, v] = [project('to_q', x), project('to_k', context), project('to_v', context)];
  return linear(scope.at('to_out', 0), attendByHeads(q, k, v, { heads, causal: false }), width);
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
