/** The three published families: what all their single files share, and what a file itself does not tell. */
import type { JsonObject } from '../config.js';
import { newModelIndex } from '../model-index.js';

export type FamilyName = 'sd1' | 'sd2' | 'sdxl';

export const PREDICTION_TYPES = ['epsilon', 'v_prediction'] as const;
export type PredictionType = (typeof PREDICTION_TYPES)[number];

/** A text encoder of a family. */
export interface TextEncoderFamily {
  /** The folder's name. */
  readonly name: 'text_encoder' | 'text_encoder_2';
  readonly tokenizer: 'tokenizer' | 'tokenizer_2';
  /** Beginnings of its keys; the first is the one that is written. */
  readonly prefixes: readonly string[];
  /** Whether the keys are OpenCLIP's. */
  readonly openClip: boolean;
  /** Where positions are that are no weights, as diffusers' scripts write them. */
  readonly positionIds: string;
  /** Keys that published files have and folders have not. */
  readonly without: RegExp;
  /** What shapes do not tell. */
  readonly config: JsonObject;
  /** The token that fills up a prompt. */
  readonly pad: string;
}

export interface Family {
  readonly name: FamilyName;
  readonly title: string;
  readonly modelIndex: JsonObject;
  /** Of the UNet: what shapes do not tell. */
  readonly unet: JsonObject;
  /** Attention heads of a UNet block of this many channels. */
  heads(channels: number): number;
  /** Of the autoencoder: what shapes do not tell. */
  readonly vae: JsonObject;
  readonly textEncoders: readonly TextEncoderFamily[];
  /** By what the UNet predicts: its scheduler, the side of its latents, and its name in Stability's ModelSpec. */
  readonly by: Readonly<Record<PredictionType, ByPrediction>>;
}

interface ByPrediction {
  readonly scheduler: JsonObject;
  readonly sampleSize: number;
  readonly architecture: string;
}

export const UNET_PREFIX = 'model.diffusion_model.';
export const VAE_PREFIX = 'first_stage_model.';

const SCHEDULE: JsonObject = {
  beta_end: 0.012,
  beta_schedule: 'scaled_linear',
  beta_start: 0.00085,
  num_train_timesteps: 1000,
  prediction_type: 'epsilon',
  steps_offset: 1,
  timestep_spacing: 'leading',
  trained_betas: null,
};
const PNDM: JsonObject = {
  _class_name: 'PNDMScheduler',
  ...SCHEDULE,
  set_alpha_to_one: false,
  skip_prk_steps: true,
};
const DDIM: JsonObject = {
  _class_name: 'DDIMScheduler',
  ...SCHEDULE,
  clip_sample: false,
  prediction_type: 'v_prediction',
  set_alpha_to_one: false,
};
const EULER: JsonObject = {
  _class_name: 'EulerDiscreteScheduler',
  ...SCHEDULE,
  interpolation_type: 'linear',
  use_karras_sigmas: false,
};

const UNET: JsonObject = {
  _class_name: 'UNet2DConditionModel',
  act_fn: 'silu',
  center_input_sample: false,
  downsample_padding: 1,
  flip_sin_to_cos: true,
  freq_shift: 0,
  mid_block_scale_factor: 1,
  norm_eps: 1e-5,
};

const VAE: JsonObject = {
  _class_name: 'AutoencoderKL',
  act_fn: 'silu',
  sample_size: 512,
  scaling_factor: 0.18215,
};

const TEXT: JsonObject = {
  architectures: ['CLIPTextModel'],
  attention_dropout: 0,
  bos_token_id: 0,
  eos_token_id: 2,
  hidden_act: 'quick_gelu',
  initializer_factor: 1,
  initializer_range: 0.02,
  layer_norm_eps: 1e-5,
  model_type: 'clip_text_model',
  pad_token_id: 1,
};

const END = '<|endoftext|>';

const headsOf64 = (channels: number) => Math.max(1, Math.floor(channels / 64));

const SD1: Family = {
  name: 'sd1',
  title: 'Stable Diffusion 1',
  modelIndex: newModelIndex(1),
  unet: UNET,
  heads: () => 8,
  vae: VAE,
  textEncoders: [
    {
      name: 'text_encoder',
      tokenizer: 'tokenizer',
      prefixes: ['cond_stage_model.transformer.'],
      openClip: false,
      positionIds: 'text_model.embeddings.position_ids',
      without: /^text_projection\.weight$/,
      config: TEXT,
      pad: END,
    },
  ],
  by: {
    epsilon: { scheduler: PNDM, sampleSize: 64, architecture: 'stable-diffusion-v1' },
    v_prediction: {
      scheduler: { ...PNDM, prediction_type: 'v_prediction' },
      sampleSize: 64,
      architecture: 'stable-diffusion-v1',
    },
  },
};

const SD2: Family = {
  ...SD1,
  name: 'sd2',
  title: 'Stable Diffusion 2',
  unet: { ...UNET, upcast_attention: true },
  heads: headsOf64,
  vae: { ...VAE, sample_size: 768 },
  textEncoders: [
    {
      name: 'text_encoder',
      tokenizer: 'tokenizer',
      prefixes: ['cond_stage_model.model.', 'conditioner.embedders.0.model.'],
      openClip: true,
      positionIds: 'transformer.text_model.embeddings.position_ids',
      // The last of 24 layers is not used, and folders end before it.
      without: /^(transformer\.resblocks\.23\..+|text_projection|logit_scale|attn_mask)$/,
      config: { ...TEXT, hidden_act: 'gelu' },
      pad: '!',
    },
  ],
  by: {
    epsilon: { scheduler: PNDM, sampleSize: 64, architecture: 'stable-diffusion-v2-512' },
    v_prediction: { scheduler: DDIM, sampleSize: 96, architecture: 'stable-diffusion-v2-768-v' },
  },
};

const SDXL: Family = {
  name: 'sdxl',
  title: 'Stable Diffusion XL',
  modelIndex: { ...newModelIndex(2), force_zeros_for_empty_prompt: true },
  unet: { ...UNET, addition_embed_type: 'text_time' },
  heads: headsOf64,
  vae: { ...VAE, force_upcast: true, sample_size: 1024, scaling_factor: 0.13025 },
  textEncoders: [
    {
      name: 'text_encoder',
      tokenizer: 'tokenizer',
      prefixes: ['conditioner.embedders.0.transformer.'],
      openClip: false,
      positionIds: 'text_model.embeddings.position_ids',
      without: /^text_projection\.weight$/,
      config: TEXT,
      pad: END,
    },
    {
      name: 'text_encoder_2',
      tokenizer: 'tokenizer_2',
      prefixes: ['conditioner.embedders.1.model.'],
      openClip: true,
      positionIds: 'text_model.embeddings.position_ids',
      without: /^(logit_scale|attn_mask)$/,
      config: { ...TEXT, architectures: ['CLIPTextModelWithProjection'], hidden_act: 'gelu' },
      pad: '!',
    },
  ],
  by: {
    epsilon: { scheduler: EULER, sampleSize: 128, architecture: 'stable-diffusion-xl-v1-base' },
    v_prediction: {
      scheduler: { ...EULER, prediction_type: 'v_prediction' },
      sampleSize: 128,
      architecture: 'stable-diffusion-xl-v1-base',
    },
  },
};

export const FAMILIES: Readonly<Record<FamilyName, Family>> = { sd1: SD1, sd2: SD2, sdxl: SDXL };
