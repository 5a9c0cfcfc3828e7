/** Training an autoencoder: reconstruct a picture from a sample of its latents, which stay near a unit Gaussian. */
import { input, type Value } from '../graph/index.js';
import { type VaeConfig, vaeDecode, vaeEncode } from '../models/index.js';
import { type Network, Scope, type ScopeOptions } from '../nn/index.js';
import {
  abs,
  add,
  exp,
  mul,
  offset,
  reduceMean,
  reduceSum,
  reshape,
  scale,
  split,
  sub,
} from '../ops/index.js';
import type { Tensor } from '../tensor/index.js';
import { type LossGraph, type Objective, readBy } from './objective.js';

export interface AutoencoderBatch {
  /** Pictures in [−1, 1], [B, 3, H, W]. */
  readonly pixels: Tensor<'float32'>;
  /** Standard normal, [B, C, h, w]. */
  readonly noise: Tensor<'float32'>;
}

export interface AutoencoderLossWeights {
  absolute: number;
  /** Squared error of what is left after taking the mean over colour channels away: keeps colours apart. */
  chroma: number;
  /** KL divergence of the latents from N(0, 1), per latent value. */
  kl: number;
}

const DEFAULT_WEIGHTS: AutoencoderLossWeights = { absolute: 0.1, chroma: 2, kl: 1e-6 };

export class AutoencoderObjective implements Objective<AutoencoderBatch> {
  readonly networks: readonly Network[];

  constructor(
    private readonly vae: Network<VaeConfig>,
    private readonly weights: AutoencoderLossWeights = DEFAULT_WEIGHTS,
  ) {
    this.networks = [vae];
  }

  size({ pixels }: AutoencoderBatch): number {
    return pixels.shape[0]!;
  }

  signature({ pixels }: AutoencoderBatch): string {
    return String(pixels.shape);
  }

  /** mean e² + a · mean |e| + c · mean (e − ē)² + k · mean KL, where e = x̂ − x and ē is its mean over colours. */
  build({ pixels, noise }: AutoencoderBatch, options?: ScopeOptions): LossGraph {
    const { vae, weights: factors } = this;
    const scope = Scope.of(vae, options);
    const picture = input('pixels', pixels.shape);
    const channels = vae.config.latent_channels;
    const [mean, logVariance] = split(vaeEncode(scope, vae.config, picture), 1, [channels, channels]) as [
      Value,
      Value,
    ];
    const latents = add(mean, mul(exp(scale(logVariance, 0.5)), input('noise', noise.shape)));
    const error = sub(vaeDecode(scope, vae.config, latents), picture);
    const chroma = sub(error, reduceMean(error, [1]));
    const squared = reduceMean(mul(error, error));
    // KL(N(μ, σ²) ‖ N(0, 1)) = ½ (μ² + σ² − 1 − ln σ²)
    const divergence = sub(offset(add(mul(mean, mean), exp(logVariance)), -1), logVariance);
    const terms = [
      squared,
      scale(reduceMean(abs(error)), factors.absolute),
      scale(reduceMean(mul(chroma, chroma)), factors.chroma),
      scale(reduceMean(divergence), 0.5 * factors.kl),
    ];
    const loss = reduceSum(reshape(terms.reduce(add), [1]));
    return { outputs: { loss, squared }, ...readBy(scope) };
  }

  feeds({ pixels, noise }: AutoencoderBatch): Map<string, Tensor> {
    return new Map<string, Tensor>([
      ['pixels', pixels],
      ['noise', noise],
    ]);
  }
}
