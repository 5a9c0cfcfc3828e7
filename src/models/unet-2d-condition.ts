/** The denoising UNet of Stable Diffusion 1, 2 and XL, which differ by configuration alone. */
import { InputError } from '../errors.js';
import { describe, type Value } from '../graph/index.js';
import { activation, conv, groupNorm, type Scope } from '../nn/index.js';
import { add, concat, offset, reshape, scale } from '../ops/index.js';
import { timestepEmbedding, timesteps } from './embeddings.js';
import type { ResnetOptions } from './resnet.js';
import type { Transformer2DOptions } from './transformer-2d.js';
import { type BlockOptions, downBlock2D, midBlock2D, upBlock2D } from './unet-2d-blocks.js';
import {
  attentionHeads,
  contextWidth,
  type LayerPlan,
  layerPlans,
  type UNetConfig,
} from './unet-2d-condition-config.js';

export { parseUNetConfig, type UNetConfig } from './unet-2d-condition-config.js';

/** What SD XL knows besides the prompt. */
export interface AddedConditions {
  /** The pooled text state, [B, P]. */
  readonly textEmbeds: Value;
  /** Original height and width, crop top and left, target height and width in pixels: [B, 6]. */
  readonly timeIds: Value;
}

export interface UNetInputs {
  /** Noisy latents, [B, in_channels, h, w]. */
  readonly sample: Value;
  /** 0 … 1000, may be fractional: [B]. */
  readonly timestep: Value;
  /** Text states, [B, T, cross_attention_dim]. */
  readonly encoderHiddenStates: Value;
  readonly addedConditions?: AddedConditions | undefined;
}

/**
 * diffusers' UNet2DConditionModel.forward: → [B, out_channels, h, w], the noise, or whatever the model was trained to
 * predict. Each resnet and each transformer is a segment of its own. Throws InputError where the inputs do not fit the configuration.
 * Source: diffusers 58eb52c, models/unets/unet_2d_condition.py.
 */
export function unet2DCondition(scope: Scope, config: UNetConfig, inputs: UNetInputs): Value {
  checkInputs(config, inputs);
  const { block_out_channels: channels, norm_num_groups: groups, norm_eps: epsilon } = config;
  const act = activation(config.act_fn);
  const resnet: ResnetOptions = { groups, epsilon, act };
  const temb = timeEmbedding(scope, config, inputs);
  const heads = attentionHeads(config);
  const plans = layerPlans(config);
  const last = channels.length - 1;

  const block = (level: number, plan: LayerPlan): BlockOptions => ({
    channels: channels[level]!,
    temb,
    resnet,
    transformers: plan.map((layers): Transformer2DOptions | undefined =>
      layers === undefined
        ? undefined
        : {
            context: inputs.encoderHiddenStates,
            heads: heads[level]!,
            layers,
            groups,
            linearProjection: config.use_linear_projection,
          },
    ),
  });

  const sample = config.center_input_sample ? offset(scale(inputs.sample, 2), -1) : inputs.sample;
  let hidden = samePadded(scope.at('conv_in'), sample, channels[0]!, config.conv_in_kernel);

  const skips = [hidden];
  for (const [i, plan] of plans.down.entries()) {
    const options = {
      ...block(i, plan),
      downsamplePadding: i < last ? config.downsample_padding : undefined,
    };
    const states = downBlock2D(scope.at('down_blocks', i), hidden, options);
    skips.push(...states);
    hidden = states.at(-1)!;
  }

  if (config.mid_block_type !== null) {
    const outputScaleFactor = config.mid_block_scale_factor;
    const options = { ...block(last, plans.mid), resnet: { ...resnet, outputScaleFactor } };
    hidden = midBlock2D(scope.at('mid_block'), hidden, options);
  }

  for (const [i, plan] of plans.up.entries()) {
    const taken = skips.splice(-plan.length);
    const next = skips.at(-1);
    const options = { ...block(last - i, plan), upsampleSize: i < last && next ? sidesOf(next) : undefined };
    hidden = upBlock2D(scope.at('up_blocks', i), hidden, taken, options);
  }

  hidden = act(groupNorm(scope.at('conv_norm_out'), hidden, groups, epsilon));
  return samePadded(scope.at('conv_out'), hidden, config.out_channels, config.conv_out_kernel);
}

/** Embeds the timestep and, for SD XL, adds the pooled text and the picture's sizes: → [B, E]. */
function timeEmbedding(scope: Scope, config: UNetConfig, inputs: UNetInputs): Value {
  const { block_out_channels, flip_sin_to_cos: flipSinToCos, freq_shift: freqShift } = config;
  const width = config.time_embedding_dim ?? 4 * block_out_channels[0]!;
  const waves = timesteps(inputs.timestep, block_out_channels[0]!, { flipSinToCos, freqShift });
  const time = timestepEmbedding(scope.at('time_embedding'), waves, width, activation(config.act_fn));
  if (!inputs.addedConditions || config.addition_embed_type === null) return time;
  const { textEmbeds, timeIds } = inputs.addedConditions;
  const sizes = timesteps(reshape(timeIds, [-1]), config.addition_time_embed_dim!, {
    flipSinToCos,
    freqShift,
  });
  const added = concat([textEmbeds, reshape(sizes, [textEmbeds.shape[0]!, -1])], 1);
  return add(time, timestepEmbedding(scope.at('add_embedding'), added, width));
}

function samePadded(scope: Scope, x: Value, channels: number, kernel: number): Value {
  return conv(scope, x, channels, { kernel, padding: (kernel - 1) / 2 });
}

function sidesOf({ shape }: Value): [number, number] {
  return [shape[2]!, shape[3]!];
}

function checkInputs(config: UNetConfig, inputs: UNetInputs): void {
  const { sample, timestep, encoderHiddenStates, addedConditions } = inputs;
  const [batch] = sample.shape;
  const fits = (name: string, value: Value, rank: number, axis: number, side: number, key: string) => {
    if (value.shape.length === rank && value.shape[0] === batch && value.shape[axis] === side) return;
    const axes = value.shape.map((_, i) => (i === 0 ? batch : i === axis ? side : '…'));
    throw new InputError(
      `the UNet expects ${name} [${axes.join(', ')}] by ${key}, got ${describe(value)}; use parts of one model`,
    );
  };
  fits('latents', sample, 4, 1, config.in_channels, 'in_channels');
  fits('timesteps', timestep, 1, 0, batch!, 'the batch of latents');
  fits('text states', encoderHiddenStates, 3, 2, contextWidth(config), 'cross_attention_dim');
  if (config.addition_embed_type === null) return;
  if (!addedConditions) {
    throw new InputError(
      'the UNet has addition_embed_type "text_time" and needs pooled text and time ids as SD XL gives them',
    );
  }
  const { textEmbeds, timeIds } = addedConditions;
  const width = config.projection_class_embeddings_input_dim!;
  const pooled = width - config.addition_time_embed_dim! * (timeIds.shape[1] ?? 0);
  fits('pooled text', textEmbeds, 2, 1, pooled, 'projection_class_embeddings_input_dim');
}
