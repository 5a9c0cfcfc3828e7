/** Changing what the layers of a network compute, by parameters that are not the network's own. */
import type { Shape, Value } from '../graph/index.js';
import type { ConvAttributes } from '../ops/index.js';
import type { Network } from './parameters.js';
import type { Scope } from './scope.js';

/** What has been computed at a module, and from what. */
export type Layer =
  /** y = x Wᵀ + b: x [N, in], weight [out, in], y [N, out]. */
  | {
      readonly kind: 'linear';
      readonly x: Value;
      readonly y: Value;
      readonly weight: Value;
      readonly bias: Value | undefined;
    }
  /** y = W ∗ x + b: x [N, in, H, W], weight [out, in, kh, kw], y [N, out, H', W']. */
  | {
      readonly kind: 'convolution';
      readonly x: Value;
      readonly y: Value;
      readonly weight: Value;
      readonly bias: Value;
      readonly attributes: ConvAttributes;
    }
  /** A transformer block: x is the residual stream before the norm of the feed-forward network, y after it: [B, T, C]. */
  | { readonly kind: 'block'; readonly x: Value; readonly y: Value };

/** What a layer gives instead of y; `own` asks for the adaptation's parameters of the layer's module. */
export type AdaptLayer = (layer: Layer, own: Scope) => Value;

export interface Adaptation {
  /** Its parameters, by module path and name: `down_blocks.0.….to_q.lora_A.weight`. Its name differs from all others'. */
  readonly network: Network;
  readonly adapt: AdaptLayer;
}

/** What a graph is fed in training alone: [batch, …] of ones, each with probability `share`, and else zeros. */
export interface Draw {
  readonly shape: Shape;
  readonly share: number;
}
