/** Training a CLIP: each picture of a batch is to fit its own text better than the others, and each text its own picture. */
import { input, type Value } from '../graph/index.js';
import {
  type ClipConfig,
  clipImageFeatures,
  clipLogitScale,
  clipTextFeatures,
  pooledRows,
} from '../models/index.js';
import { type Network, Scope, type ScopeOptions } from '../nn/index.js';
import {
  add,
  exp,
  gemm,
  log,
  mul,
  offset,
  reciprocal,
  reduceMean,
  reduceSum,
  reshape,
  scale,
  sqrt,
  sub,
} from '../ops/index.js';
import type { Tensor } from '../tensor/index.js';
import { type LossGraph, type Objective, readBy } from './objective.js';

export interface ContrastiveBatch {
  /** Pictures as the processor makes them, [B, 3, S, S]. */
  readonly pixels: Tensor<'float32'>;
  /** Their texts, [B, T]. */
  readonly ids: Tensor<'int32'>;
}

export class ContrastiveObjective implements Objective<ContrastiveBatch> {
  readonly networks: readonly Network[];

  constructor(private readonly clip: Network<ClipConfig>) {
    this.networks = [clip];
  }

  size({ pixels }: ContrastiveBatch): number {
    return pixels.shape[0]!;
  }

  signature({ pixels, ids }: ContrastiveBatch): string {
    return `${pixels.shape} ${ids.shape}`;
  }

  /**
   * ½ (mean over rows of −ln softmax + the same over columns) at the diagonal of s · I Tᵀ, with unit rows I and T and
   * s = exp(logit_scale). As cosines are at most 1, exp(s (c − 1)) never overflows; it is summed in float32, so s must
   * stay below about 40 for the sums not to vanish.
   */
  build({ pixels, ids }: ContrastiveBatch, options?: ScopeOptions): LossGraph {
    const { clip } = this;
    const scope = Scope.of(clip, options);
    const rows = input('rows', [ids.shape[0]!], 'int32');
    const images = unit(clipImageFeatures(scope, clip.config, input('pixels', pixels.shape)));
    const texts = unit(clipTextFeatures(scope, clip.config, input('ids', ids.shape, 'int32'), rows));
    const factor = exp(clipLogitScale(scope));
    const logits = mul(offset(gemm(images, texts, { transposeB: true }), -1), factor);
    const own = mul(offset(reduceSum(mul(images, texts), [1]), -1), factor);
    const exponentials = exp(logits);
    const term = (axis: number) => sub(reduceMean(log(reduceSum(exponentials, [axis]))), reduceMean(own));
    const loss = reshape(scale(add(term(0), term(1)), 0.5), [1]);
    return { outputs: { loss }, ...readBy(scope) };
  }

  feeds({ pixels, ids }: ContrastiveBatch): Map<string, Tensor> {
    return new Map<string, Tensor>([
      ['pixels', pixels],
      ['ids', ids],
      ['rows', pooledRows(this.clip.config.text_config, ids)],
    ]);
  }
}

/** Rows divided by their lengths. */
function unit(x: Value): Value {
  return mul(x, reciprocal(sqrt(reduceSum(mul(x, x), [1]))));
}
