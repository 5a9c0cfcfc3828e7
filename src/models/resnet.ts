/** Residual convolution blocks, and the layers that halve and enlarge feature maps. */
import type { Value } from '../graph/index.js';
import { type Activation, conv, conv1x1, groupNorm, linear, type Scope } from '../nn/index.js';
import { add, reshape, resizeNearest, scale } from '../ops/index.js';

export interface ResnetOptions {
  readonly groups: number;
  readonly epsilon: number;
  readonly act: Activation;
  /** The sum of both branches is divided by it. */
  readonly outputScaleFactor?: number;
}

/** diffusers' ResnetBlock2D: x [B, C, H, W] and, if any, the time embedding [B, E] → [B, channels, H, W]. */
export function resnetBlock2D(
  scope: Scope,
  x: Value,
  temb: Value | undefined,
  channels: number,
  { groups, epsilon, act, outputScaleFactor = 1 }: ResnetOptions,
): Value {
  let hidden = act(groupNorm(scope.at('norm1'), x, groups, epsilon));
  hidden = conv(scope.at('conv1'), hidden, channels);
  if (temb) {
    const shift = linear(scope.at('time_emb_proj'), act(temb), channels);
    hidden = add(hidden, reshape(shift, [-1, channels, 1, 1]));
  }
  hidden = act(groupNorm(scope.at('norm2'), hidden, groups, epsilon));
  hidden = conv(scope.at('conv2'), hidden, channels);
  const shortcut = x.shape[1] === channels ? x : conv1x1(scope.at('conv_shortcut'), x, channels);
  const sum = add(shortcut, hidden);
  return outputScaleFactor === 1 ? sum : scale(sum, 1 / outputScaleFactor);
}

/** diffusers' Downsample2D: a 3×3 convolution with stride 2; padding 0 means one row and column at the far sides. */
export function downsample2D(scope: Scope, x: Value, padding = 1): Value {
  const sides = padding === 0 ? ([0, 0, 1, 1] as const) : padding;
  return conv(scope.at('conv'), x, x.shape[1]!, { stride: 2, padding: sides });
}

/** diffusers' Upsample2D: nearest neighbours to the given sides (double if left out), then a 3×3 convolution. */
export function upsample2D(scope: Scope, x: Value, size?: readonly [height: number, width: number]): Value {
  const [height, width] = size ?? [2 * x.shape[2]!, 2 * x.shape[3]!];
  return conv(scope.at('conv'), resizeNearest(x, height, width), x.shape[1]!);
}
