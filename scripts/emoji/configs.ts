/** The emoji model: Stable Diffusion 1.x's classes at small widths, with latents of 8×8 positions and 16 channels. */

export const UNET = {
  _class_name: 'UNet2DConditionModel',
  act_fn: 'silu',
  attention_head_dim: 8,
  block_out_channels: [128, 192],
  center_input_sample: false,
  cross_attention_dim: 128,
  down_block_types: ['CrossAttnDownBlock2D', 'CrossAttnDownBlock2D'],
  downsample_padding: 1,
  flip_sin_to_cos: true,
  freq_shift: 0,
  in_channels: 16,
  layers_per_block: 1,
  mid_block_scale_factor: 1,
  norm_eps: 1e-5,
  norm_num_groups: 16,
  out_channels: 16,
  sample_size: 8,
  up_block_types: ['CrossAttnUpBlock2D', 'CrossAttnUpBlock2D'],
};

export const TEXT_ENCODER = {
  architectures: ['CLIPTextModel'],
  model_type: 'clip_text_model',
  bos_token_id: 3512,
  eos_token_id: 3513,
  pad_token_id: 3513,
  hidden_act: 'quick_gelu',
  hidden_size: 128,
  intermediate_size: 512,
  layer_norm_eps: 1e-5,
  max_position_embeddings: 24,
  num_attention_heads: 4,
  num_hidden_layers: 2,
  projection_dim: 128,
  vocab_size: 3514,
};

export const SCHEDULER = {
  _class_name: 'DPMSolverMultistepScheduler',
  algorithm_type: 'dpmsolver++',
  beta_end: 0.012,
  beta_schedule: 'scaled_linear',
  beta_start: 0.00085,
  final_sigmas_type: 'zero',
  num_train_timesteps: 1000,
  prediction_type: 'v_prediction',
  solver_order: 2,
  solver_type: 'midpoint',
  steps_offset: 1,
  timestep_spacing: 'leading',
};
