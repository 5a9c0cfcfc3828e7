/** config.json of a UNet2DConditionModel: every key that diffusers writes, its default, and the values we support. */
import { z } from 'zod';
import { count, parseConfig } from './config.js';

const layers = z.union([z.int().nonnegative(), z.array(z.int().nonnegative())]);

/** A key whose absence means `fallback`; `supported` completes the sentence "… is not supported; use …". */
function key<T extends z.ZodType>(schema: T, fallback: z.output<T>, supported: string) {
  return z
    .unknown()
    .optional()
    .transform((value, context): z.output<T> => {
      const result = schema.safeParse(value === undefined ? fallback : value);
      if (result.success) return result.data;
      context.addIssue({ code: 'custom', message: `use ${supported}` });
      return z.NEVER;
    });
}

/** A key of which we implement one value only. */
function only<T extends string | number | boolean | null>(value: T) {
  return key(z.literal(value), value, JSON.stringify(value));
}

/** A key that does not change what the supported models compute. */
const ignored = () => z.unknown().optional();

const perBlock = 'a whole number, or one for each block';

const KEYS = {
  sample_size: key(
    z.union([count, z.tuple([count, count]), z.null()]),
    null,
    'a whole number, [height, width] or null',
  ),
  in_channels: key(count, 4, 'a whole number'),
  out_channels: key(count, 4, 'a whole number'),
  center_input_sample: key(z.boolean(), false, 'true or false'),
  flip_sin_to_cos: key(z.boolean(), true, 'true or false'),
  freq_shift: key(z.number(), 0, 'a number'),
  down_block_types: key(
    z.array(z.enum(['CrossAttnDownBlock2D', 'DownBlock2D'])).min(1),
    ['CrossAttnDownBlock2D', 'CrossAttnDownBlock2D', 'CrossAttnDownBlock2D', 'DownBlock2D'],
    'a list of CrossAttnDownBlock2D and DownBlock2D',
  ),
  mid_block_type: key(
    z.enum(['UNetMidBlock2DCrossAttn', 'UNetMidBlock2D']).nullable(),
    'UNetMidBlock2DCrossAttn',
    'UNetMidBlock2DCrossAttn, UNetMidBlock2D or null',
  ),
  up_block_types: key(
    z.array(z.enum(['CrossAttnUpBlock2D', 'UpBlock2D'])).min(1),
    ['UpBlock2D', 'CrossAttnUpBlock2D', 'CrossAttnUpBlock2D', 'CrossAttnUpBlock2D'],
    'a list of CrossAttnUpBlock2D and UpBlock2D',
  ),
  block_out_channels: key(z.array(count).min(1), [320, 640, 1280, 1280], 'a list of whole numbers'),
  layers_per_block: key(z.union([count, z.array(count)]), 2, perBlock),
  downsample_padding: key(z.int().nonnegative(), 1, 'a whole number'),
  mid_block_scale_factor: key(z.number().positive(), 1, 'a positive number'),
  act_fn: key(z.enum(['silu', 'swish', 'gelu', 'relu']), 'silu', 'silu, swish, gelu or relu'),
  norm_num_groups: key(count, 32, 'a whole number'),
  norm_eps: key(z.number().positive(), 1e-5, 'a positive number'),
  cross_attention_dim: key(
    z.union([count, z.array(count).refine((list) => new Set(list).size === 1)]),
    1280,
    'a whole number, or a list that repeats one',
  ),
  transformer_layers_per_block: key(
    z.union([count, z.array(layers)]),
    1,
    'a whole number, or for each block one or a list with one for each layer',
  ),
  reverse_transformer_layers_per_block: key(
    z.array(layers).nullable(),
    null,
    'null, or for each up block a whole number or a list with one for each layer',
  ),
  /** The number of heads; diffusers kept the wrong name because published checkpoints carry it. */
  attention_head_dim: key(z.union([count, z.array(count)]), 8, perBlock),
  use_linear_projection: key(z.boolean(), false, 'true or false'),
  addition_embed_type: key(z.literal('text_time').nullable(), null, 'null or text_time'),
  addition_time_embed_dim: key(count.nullable(), null, 'a whole number or null'),
  projection_class_embeddings_input_dim: key(count.nullable(), null, 'a whole number or null'),
  time_embedding_dim: key(count.nullable(), null, 'a whole number or null'),
  conv_in_kernel: key(
    count.refine((size) => size % 2 === 1),
    3,
    'an odd whole number',
  ),
  conv_out_kernel: key(
    count.refine((size) => size % 2 === 1),
    3,
    'an odd whole number',
  ),

  _class_name: only('UNet2DConditionModel'),
  attention_type: only('default'),
  class_embed_type: only(null),
  class_embeddings_concat: only(false),
  cross_attention_norm: only(null),
  dropout: only(0),
  dual_cross_attention: only(false),
  encoder_hid_dim: only(null),
  encoder_hid_dim_type: only(null),
  num_attention_heads: only(null),
  num_class_embeds: only(null),
  only_cross_attention: key(z.union([z.literal(false), z.array(z.literal(false))]), false, 'false'),
  resnet_time_scale_shift: only('default'),
  time_cond_proj_dim: only(null),
  time_embedding_act_fn: only(null),
  time_embedding_type: only('positional'),
  timestep_post_act: only(null),

  _diffusers_version: ignored(),
  _name_or_path: ignored(),
  _commit_hash: ignored(),
  _use_default_values: ignored(),
  // Only for addition_embed_type "text".
  addition_embed_type_num_heads: ignored(),
  // Only for blocks named Resnet… and …SimpleCrossAttn….
  mid_block_only_cross_attention: ignored(),
  resnet_out_scale_factor: ignored(),
  resnet_skip_time_act: ignored(),
  // Attention scores are float32 here anyway.
  upcast_attention: ignored(),
  // The state of an exponential moving average, which diffusers' EMAModel saves into the configuration.
  decay: ignored(),
  inv_gamma: ignored(),
  min_decay: ignored(),
  optimization_step: ignored(),
  power: ignored(),
  update_after_step: ignored(),
  use_ema_warmup: ignored(),
};

const keys = z.strictObject(KEYS, {
  error: (issue) =>
    issue.code === 'unrecognized_keys'
      ? `the key "${issue.keys[0]}" is not one of UNet2DConditionModel; remove it if the model was made without it`
      : undefined,
});

/** Keys whose lists have one entry for each block. */
const PER_BLOCK = [
  'down_block_types',
  'up_block_types',
  'layers_per_block',
  'attention_head_dim',
  'cross_attention_dim',
  'transformer_layers_per_block',
  'reverse_transformer_layers_per_block',
] as const;

const schema = keys.superRefine((config, context) => {
  const refuse = (name: keyof typeof config, supported: string) =>
    context.addIssue({ code: 'custom', path: [name], message: `use ${supported}` });
  const { block_out_channels: widths, norm_num_groups: groups, addition_embed_type } = config;
  const { transformer_layers_per_block: down, reverse_transformer_layers_per_block: up } = config;

  for (const name of PER_BLOCK) {
    const value = config[name];
    if (Array.isArray(value) && value.length !== widths.length)
      return refuse(name, `${widths.length} entries, as block_out_channels has`);
  }
  if (widths.some((width) => width % groups !== 0))
    return refuse('block_out_channels', `multiples of norm_num_groups, ${groups}`);
  if (attentionHeads(config).some((heads, i) => heads > widths[i]!))
    return refuse('attention_head_dim', 'no more heads than block_out_channels has channels');
  if (up === null && Array.isArray(down) && down.some(Array.isArray))
    return refuse(
      'reverse_transformer_layers_per_block',
      'a list, since transformer_layers_per_block has lists',
    );
  const resnets = spread(config.layers_per_block, widths.length);
  const tooShort = (lists: typeof up, needed: readonly number[]) =>
    lists?.some((list, i) => Array.isArray(list) && list.length < needed[i]!);
  if (tooShort(spread(down, widths.length), resnets))
    return refuse('transformer_layers_per_block', 'one entry for each of the layers_per_block');
  if (tooShort(up, resnets.map((count) => count + 1).reverse()))
    return refuse(
      'reverse_transformer_layers_per_block',
      'one entry more than layers_per_block for each block',
    );
  if (addition_embed_type === null) return;
  for (const name of ['addition_time_embed_dim', 'projection_class_embeddings_input_dim'] as const) {
    if (config[name] === null) refuse(name, 'a whole number, since addition_embed_type is "text_time"');
  }
});

export type UNetConfig = z.output<typeof schema>;

/** Reads unet/config.json and fills in diffusers' defaults. Throws InputError where it asks for what is not supported. */
export function parseUNetConfig(json: unknown): UNetConfig {
  return parseConfig('unet/config.json', schema, json);
}

/** Numbers of transformer blocks after the resnets of one UNet block; undefined where there is no attention. */
export type LayerPlan = readonly (number | undefined)[];

/** What each block of the UNet holds, in running order. */
export function layerPlans(config: UNetConfig): { down: LayerPlan[]; mid: LayerPlan; up: LayerPlan[] } {
  const levels = config.block_out_channels.length;
  const resnets = spread(config.layers_per_block, levels);
  const down = spread(config.transformer_layers_per_block, levels);
  const up = config.reverse_transformer_layers_per_block ?? down.toReversed();
  const attends = config.mid_block_type === 'UNetMidBlock2DCrossAttn';
  return {
    down: config.down_block_types.map((type, i) =>
      plan(type === 'CrossAttnDownBlock2D', resnets[i]!, down[i]!),
    ),
    mid: attends ? plan(true, 1, down.at(-1)!) : [],
    up: config.up_block_types.map((type, i) =>
      plan(type === 'CrossAttnUpBlock2D', resnets.at(-1 - i)! + 1, up[i]!),
    ),
  };
}

function plan(attends: boolean, resnets: number, layers: number | number[]): LayerPlan {
  return attends ? spread(layers, resnets).slice(0, resnets) : new Array<undefined>(resnets).fill(undefined);
}

/** The number of attention heads at each resolution. */
export function attentionHeads({ attention_head_dim, block_out_channels }: z.output<typeof keys>): number[] {
  return spread(attention_head_dim, block_out_channels.length);
}

/** The width of the text states. */
export function contextWidth({ cross_attention_dim }: UNetConfig): number {
  return [cross_attention_dim].flat()[0]!;
}

/** A list as it is, or one value for each block. */
function spread<T>(value: T | T[], length: number): T[] {
  return Array.isArray(value) ? value : new Array<T>(length).fill(value);
}
