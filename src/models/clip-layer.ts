/** The transformer layer that CLIP's text and image towers are made of: transformers' CLIPEncoderLayer, v5.18. */
import type { z } from 'zod';
import type { Value } from '../graph/index.js';
import { activation, layerNorm, linear, type Scope } from '../nn/index.js';
import { add } from '../ops/index.js';
import { attendByHeads } from './attention.js';

export const CLIP_ACTIVATIONS = ['quick_gelu', 'gelu', 'gelu_new', 'gelu_pytorch_tanh'] as const;

export interface ClipLayerConfig {
  readonly hidden_size: number;
  readonly intermediate_size: number;
  readonly num_attention_heads: number;
  readonly hidden_act: (typeof CLIP_ACTIVATIONS)[number];
  readonly layer_norm_eps: number;
}

/** A schema's refinement: heads share the hidden states evenly. */
export function headsDivide(
  config: Pick<ClipLayerConfig, 'hidden_size' | 'num_attention_heads'>,
  context: z.core.$RefinementCtx,
): void {
  const { hidden_size, num_attention_heads } = config;
  if (hidden_size % num_attention_heads === 0) return;
  const message = `expected a divisor of hidden_size, ${hidden_size}`;
  context.addIssue({ code: 'custom', path: ['num_attention_heads'], message });
}

/** x [B, T, C]: attention (`causal`: to earlier tokens alone), then two linear layers, each around a shortcut. */
export function clipEncoderLayer(
  scope: Scope,
  config: ClipLayerConfig,
  input: Value,
  { causal }: { causal: boolean },
): Value {
  const { hidden_size: width, intermediate_size, layer_norm_eps: epsilon } = config;
  const normed = layerNorm(scope.at('layer_norm1'), input, epsilon);
  const x = add(input, selfAttention(scope.at('self_attn'), config, normed, causal));
  const hidden = linear(
    scope.at('mlp', 'fc1'),
    layerNorm(scope.at('layer_norm2'), x, epsilon),
    intermediate_size,
  );
  return add(x, linear(scope.at('mlp', 'fc2'), activation(config.hidden_act)(hidden), width));
}

function selfAttention(scope: Scope, config: ClipLayerConfig, x: Value, causal: boolean): Value {
  const { hidden_size: width, num_attention_heads: heads } = config;
  const project = (name: string) => linear(scope.at(name), x, width);
  const mixed = attendByHeads(project('q_proj'), project('k_proj'), project('v_proj'), { heads, causal });
  return linear(scope.at('out_proj'), mixed, width);
}
