/** The blocks of the denoising UNet, one per resolution on the way down and up, and one in the middle. */
import { segment, type Value } from '../graph/index.js';
import type { Scope } from '../nn/index.js';
import { concat } from '../ops/index.js';
import { downsample2D, type ResnetOptions, resnetBlock2D, upsample2D } from './resnet.js';
import { type Transformer2DOptions, transformer2D } from './transformer-2d.js';

export interface BlockOptions {
  readonly channels: number;
  /** [B, E] */
  readonly temb: Value;
  readonly resnet: ResnetOptions;
  /** One transformer after each resnet; undefined where there is none. */
  readonly transformers: readonly (Transformer2DOptions | undefined)[];
}

/** One resnet and, if any, the transformer after it. */
function layer(scope: Scope, x: Value, i: number, options: BlockOptions): Value {
  const { channels, temb, resnet, transformers } = options;
  const hidden = segment(() => resnetBlock2D(scope.at('resnets', i), x, temb, channels, resnet));
  return attended(scope, hidden, i, transformers[i]);
}

function attended(scope: Scope, x: Value, i: number, transformer: Transformer2DOptions | undefined): Value {
  return transformer ? segment(() => transformer2D(scope.at('attentions', i), x, transformer)) : x;
}

/**
 * diffusers' DownBlock2D and CrossAttnDownBlock2D: x [B, C, H, W] → the hidden state after each layer and, unless
 * `downsamplePadding` is left out, after halving; the last one is the block's output, all are skip connections.
 */
export function downBlock2D(
  scope: Scope,
  x: Value,
  options: BlockOptions & { readonly downsamplePadding?: number | undefined },
): Value[] {
  const states: Value[] = [];
  let hidden = x;
  for (let i = 0; i < options.transformers.length; i++) {
    hidden = layer(scope, hidden, i, options);
    states.push(hidden);
  }
  if (options.downsamplePadding !== undefined) {
    const padding = options.downsamplePadding;
    states.push(segment(() => downsample2D(scope.at('downsamplers', 0), hidden, padding)));
  }
  return states;
}

/** diffusers' UNetMidBlock2DCrossAttn (and, with no transformer, UNetMidBlock2D): one resnet more than transformers. */
export function midBlock2D(scope: Scope, x: Value, options: BlockOptions): Value {
  const { channels, temb, resnet, transformers } = options;
  const resnetAt = (i: number, input: Value) =>
    segment(() => resnetBlock2D(scope.at('resnets', i), input, temb, channels, resnet));
  let hidden = resnetAt(0, x);
  transformers.forEach((transformer, i) => {
    hidden = resnetAt(i + 1, attended(scope, hidden, i, transformer));
  });
  return hidden;
}

/**
 * diffusers' UpBlock2D and CrossAttnUpBlock2D: each layer takes the hidden state and one skip connection, the last
 * first; then the result is enlarged to `upsampleSize`, unless that is left out.
 */
export function upBlock2D(
  scope: Scope,
  x: Value,
  skips: readonly Value[],
  options: BlockOptions & { readonly upsampleSize?: readonly [number, number] | undefined },
): Value {
  const { upsampleSize } = options;
  let hidden = x;
  for (let i = 0; i < options.transformers.length; i++) {
    hidden = layer(scope, concat([hidden, skips[skips.length - 1 - i]!], 1), i, options);
  }
  if (!upsampleSize) return hidden;
  return segment(() => upsample2D(scope.at('upsamplers', 0), hidden, upsampleSize));
}
