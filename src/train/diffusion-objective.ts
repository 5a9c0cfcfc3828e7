/** The denoising objective: the network's prediction against noise or velocity, E ‖target − f(z_t, t, c)‖². */

import type { NoiseSchedule } from '../diffusion/index.js';
import { InputError } from '../errors.js';
import { input, type Value } from '../graph/index.js';
import { type ClipTextConfig, clipTextModel, type UNetConfig, unet2DCondition } from '../models/index.js';
import { type Network, Scope, type ScopeOptions } from '../nn/index.js';
import { mul, reduceMean, reshape, sub } from '../ops/index.js';
import { type Tensor, tensor } from '../tensor/index.js';
import { type LossGraph, type Objective, readBy } from './objective.js';

export interface DiffusionBatch {
  /** Scaled latents of the pictures, [B, C, h, w]. */
  readonly latents: Tensor<'float32'>;
  readonly noise: Tensor<'float32'>;
  /** Training timesteps, [B]. */
  readonly timesteps: Int32Array;
  /** Text states [B, T, D] or, where the text encoder trains too, token ids int32 [B, T]. */
  readonly condition: Tensor;
  /** Stable Diffusion XL: the pooled text, [B, P]. */
  readonly pooled?: Tensor | undefined;
  /** Stable Diffusion XL: [B, 6] as `timeIds` gives them. */
  readonly timeIds?: Tensor | undefined;
  /** The factor on each sample's loss, [B]; 1 unless given. */
  readonly sampleWeights?: Float32Array | undefined;
}

export interface DiffusionObjectiveOptions {
  /** γ of min-SNR weighting (Hang et al. 2023); off where undefined. */
  minSnrGamma?: number | undefined;
  /** The text encoder, where it trains together with the UNet. */
  textEncoder?: Network<ClipTextConfig> | undefined;
}

export class DiffusionObjective implements Objective<DiffusionBatch> {
  readonly networks: readonly Network[];

  constructor(
    private readonly unet: Network<UNetConfig>,
    private readonly schedule: NoiseSchedule,
    private readonly options: DiffusionObjectiveOptions = {},
  ) {
    if (options.textEncoder && unet.config.addition_embed_type !== null) {
      throw new InputError(
        'the text encoders of Stable Diffusion XL do not train yet, only that of 1 and 2; train the UNet alone',
      );
    }
    this.networks = options.textEncoder ? [unet, options.textEncoder] : [unet];
  }

  size({ timesteps }: DiffusionBatch): number {
    return timesteps.length;
  }

  signature({ latents, condition, pooled }: DiffusionBatch): string {
    return `${latents.shape} ${condition.shape} ${pooled?.shape}`;
  }

  build({ latents, condition, pooled, timeIds }: DiffusionBatch, options?: ScopeOptions): LossGraph {
    const batch = latents.shape[0]!;
    const text = this.options.textEncoder && Scope.of(this.options.textEncoder, options);
    const encoderHiddenStates = this.conditionValue(condition, text);
    const scope = Scope.of(this.unet, options);
    const prediction = unet2DCondition(scope, this.unet.config, {
      sample: input('noisy_latents', latents.shape),
      timestep: input('timesteps', [batch]),
      encoderHiddenStates,
      addedConditions: pooled &&
        timeIds && {
          textEmbeds: input('text_embeds', pooled.shape),
          timeIds: input('time_ids', timeIds.shape),
        },
    });
    const error = sub(prediction, input('target', latents.shape));
    const perSample = reduceMean(mul(error, error), [1, 2, 3]);
    const loss = reduceMean(mul(reshape(perSample, [batch]), input('sample_weights', [batch])));
    return { outputs: { loss, prediction }, ...readBy(...(text ? [text, scope] : [scope])) };
  }

  feeds(batch: DiffusionBatch): Map<string, Tensor> {
    const { latents, noise, timesteps, condition, pooled, timeIds } = batch;
    const { schedule } = this;
    const feeds = new Map<string, Tensor>([
      ['noisy_latents', tensor(latents.shape, schedule.addNoise(latents.data, noise.data, timesteps))],
      ['target', tensor(latents.shape, schedule.target(latents.data, noise.data, timesteps))],
      ['timesteps', tensor([timesteps.length], Float32Array.from(timesteps))],
      ['sample_weights', tensor([timesteps.length], this.weightsOf(batch))],
      ['condition', condition],
    ]);
    if (pooled) feeds.set('text_embeds', pooled);
    if (timeIds) feeds.set('time_ids', timeIds);
    return feeds;
  }

  /** Those of the samples times those of min-SNR. */
  private weightsOf({ timesteps, sampleWeights }: DiffusionBatch): Float32Array {
    const { minSnrGamma } = this.options;
    const ofSamples = sampleWeights ?? new Float32Array(timesteps.length).fill(1);
    if (minSnrGamma === undefined) return ofSamples;
    return this.schedule.minSnrWeights(timesteps, minSnrGamma).map((weight, i) => weight * ofSamples[i]!);
  }

  private conditionValue(condition: Tensor, scope: Scope | undefined): Value {
    const value = input('condition', condition.shape, condition.dtype);
    const { textEncoder } = this.options;
    if (!textEncoder || !scope) return value;
    return clipTextModel(scope, textEncoder.config, { inputIds: value }).lastHiddenState;
  }
}
