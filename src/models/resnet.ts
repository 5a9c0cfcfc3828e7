/** The residual block of UNets and autoencoders: diffusers' ResnetBlock2D (models/resnet.py at 58eb52c). */
import type { Value } from '../graph/index.js';
import type { Scope } from '../nn/index.js';
import { conv, conv1x1, groupNorm, linear, silu } from '../nn/index.js';
import { add, reshape } from '../ops/index.js';

export interface ResnetOptions {
  /** Output channels. */
  channels: number;
  /** Groups of both normalizations. */
  groups: number;
  /** Added to the variances. */
  epsilon: number;
  /** Time embedding [N, E]; autoencoders have none. */
  temb?: Value | undefined;
}

/** x [N, C, H, W] → [N, channels, H, W] */
export function resnetBlock2D(scope: Scope, x: Value, options: ResnetOptions): Value {
  const { channels, groups, epsilon, temb } = options;
  let h = silu(groupNorm(scope.at('norm1'), x, groups, epsilon));
  h = conv(scope.at('conv1'), h, channels);
  if (temb) {
    const time = linear(scope.at('time_emb_proj'), silu(temb), channels);
    h = add(h, reshape(time, [time.shape[0]!, channels, 1, 1]));
  }
  h = silu(groupNorm(scope.at('norm2'), h, groups, epsilon));
  h = conv(scope.at('conv2'), h, channels);
  const shortcut = x.shape[1] === channels ? x : conv1x1(scope.at('conv_shortcut'), x, channels);
  return add(shortcut, h);
}
