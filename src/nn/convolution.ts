/** The 2-D convolution layer, NCHW. */
import type { Value } from '../graph/index.js';
import { type ConvAttributes, conv2d } from '../ops/index.js';
import type { Scope } from './scope.js';

interface ConvOptions {
  kernel?: number;
  stride?: number;
  /** Zeros on every side, or at the top, left, bottom and right. */
  padding?: number | ConvAttributes['padding'];
}

/** x [N, C, H, W] → [N, channels, H', W']; a 3×3 kernel with padding 1 unless said. */
export function conv(scope: Scope, x: Value, channels: number, options: ConvOptions = {}): Value {
  const { kernel = 3, stride = 1, padding = 1 } = options;
  const fanIn = x.shape[1]! * kernel * kernel;
  const weight = scope.param('weight', [channels, x.shape[1]!, kernel, kernel], { kind: 'fan-in', fanIn });
  const bias = scope.param('bias', [channels], { kind: 'fan-in', fanIn });
  const sides = typeof padding === 'number' ? ([padding, padding, padding, padding] as const) : padding;
  const attributes = { stride, padding: sides };
  const y = conv2d(x, weight, bias, attributes);
  return scope.adapted({ kind: 'convolution', x, y, weight, bias, attributes });
}

/** A 1×1 convolution: a linear map of the channels at each position. */
export function conv1x1(scope: Scope, x: Value, channels: number): Value {
  return conv(scope, x, channels, { kernel: 1, padding: 0 });
}
