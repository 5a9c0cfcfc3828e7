/** What a single file is, told by its keys: the three families, and other kinds refused by their name. */
import { describe, expect, test } from 'vitest';
import { familyOf } from '../../../src/models/single-file/family-of.js';

const UNET = 'model.diffusion_model.input_blocks.0.0.weight';
const CLASSES = 'model.diffusion_model.label_emb.0.0.weight';
const VAE = 'first_stage_model.encoder.conv_in.weight';
const CLIP = 'cond_stage_model.transformer.text_model.embeddings.token_embedding.weight';
const OPEN_CLIP = 'cond_stage_model.model.token_embedding.weight';
const XL_1 = 'conditioner.embedders.0.transformer.text_model.embeddings.token_embedding.weight';
const XL_2 = 'conditioner.embedders.1.model.token_embedding.weight';
const REFINER = 'conditioner.embedders.0.model.token_embedding.weight';

const shapes = (channels: number, ...keys: string[]) =>
  new Map(keys.map((key) => [key, key === UNET ? [320, channels, 3, 3] : [1]]));
const kind = (channels: number, ...keys: string[]) => familyOf('x.safetensors', shapes(channels, ...keys));

test.each([
  ['sd1', [UNET, VAE, CLIP]],
  ['sd2', [UNET, VAE, OPEN_CLIP]],
  ['sd2', [UNET, VAE, REFINER]],
  ['sdxl', [UNET, CLASSES, VAE, XL_1, XL_2]],
])('%s', (name, keys) => {
  expect(kind(4, ...keys).name).toBe(name);
});

describe('refuses', () => {
  test.each<[RegExp, number, string[]]>([
    [/is an inpainting model/, 9, [UNET, VAE, CLIP]],
    [/is an InstructPix2Pix model/, 8, [UNET, VAE, CLIP]],
    [/is an upscaler/, 7, [UNET, CLASSES, VAE, OPEN_CLIP]],
    [/is a model conditioned on depth/, 5, [UNET, VAE, OPEN_CLIP]],
    [/is the refiner of Stable Diffusion XL/, 4, [UNET, CLASSES, VAE, REFINER]],
    [/is a model conditioned on more than text, such as unCLIP/, 4, [UNET, CLASSES, VAE, OPEN_CLIP]],
    [/is Stable Diffusion 3/, 4, ['model.diffusion_model.joint_blocks.0.x_block.attn.qkv.weight']],
    [/is Flux/, 4, ['double_blocks.0.img_attn.norm.key_norm.scale']],
    [/is Playground 2\.5/, 4, [UNET, CLASSES, VAE, XL_1, XL_2, 'edm_mean']],
    [/is Cos XL/, 4, [UNET, CLASSES, VAE, XL_1, XL_2, 'edm_vpred.sigma_max']],
    [
      /is Stable Video Diffusion/,
      8,
      [UNET, 'model.diffusion_model.input_blocks.1.0.time_stack.in_layers.0.bias'],
    ],
    [/is a ControlNet/, 4, ['control_model.time_embed.0.weight']],
    [/is a LoRA/, 4, ['lora_unet_mid_block_attentions_0_proj_in.lora_down.weight']],
    [
      /is a motion module of AnimateDiff/,
      4,
      ['down_blocks.0.motion_modules.0.temporal_transformer.norm.bias'],
    ],
    [/is a textual inversion/, 4, ['emb_params']],
    [/is an adapter of this program.*--adapter/, 4, ['delta.conv_in.weight']],
    [
      /is the UNet of a diffusers folder.*name the folder/,
      4,
      ['conv_in.weight', 'down_blocks.0.resnets.0.norm1.bias'],
    ],
    [/is an autoencoder alone/, 4, ['encoder.conv_in.weight', 'decoder.conv_in.weight']],
    [/is a UNet without text encoders/, 4, [UNET]],
    [/has no autoencoder/, 4, [UNET, CLIP]],
    [/has no text encoder that is known/, 4, [UNET, VAE, 'cond_stage_model.t5.weight']],
    [/has none of Stable Diffusion's weights/, 4, ['transformer.h.0.ln_1.weight']],
  ])('%s', (message, channels, keys) => {
    expect(() => kind(channels, ...keys)).toThrow(message);
  });
});
