/** The model sizes that are measured: a UNet's configuration, one batch, and how many weights SaRA trains. */
import { UNET } from '../scripts/emoji/configs.js';
import type { JsonObject } from '../src/models/index.js';

export interface Size {
  readonly title: string;
  readonly unet: JsonObject;
  readonly batch: number;
  /** Channels, height and width of one sample. */
  readonly latents: readonly [number, number, number];
  /** Length of the text condition. */
  readonly tokens: number;
  /** About how many entries SaRA trains. */
  readonly trained: number;
  /** Rank of the LoRA that PyTorch is measured with. */
  readonly loraRank: number;
  readonly warmUp: number;
  readonly steps: number;
}

const SD15 = {
  _class_name: 'UNet2DConditionModel',
  attention_head_dim: 8,
  block_out_channels: [320, 640, 1280, 1280],
  cross_attention_dim: 768,
  in_channels: 4,
  out_channels: 4,
  layers_per_block: 2,
  norm_num_groups: 32,
  down_block_types: ['CrossAttnDownBlock2D', 'CrossAttnDownBlock2D', 'CrossAttnDownBlock2D', 'DownBlock2D'],
  up_block_types: ['UpBlock2D', 'CrossAttnUpBlock2D', 'CrossAttnUpBlock2D', 'CrossAttnUpBlock2D'],
};

export const SIZES = {
  /** Seconds instead of minutes: to try the benchmark itself. */
  tiny: {
    title: 'a tiny UNet',
    unet: { ...SD15, block_out_channels: [32, 32, 64, 64], cross_attention_dim: 48 },
    batch: 1,
    latents: [4, 16, 16],
    tokens: 77,
    trained: 50_000,
    loraRank: 8,
    warmUp: 1,
    steps: 3,
  },
  emoji: {
    title: 'the emoji model',
    unet: UNET,
    batch: 16,
    latents: [16, 8, 8],
    tokens: 24,
    trained: 640_000,
    loraRank: 16,
    warmUp: 5,
    steps: 40,
  },
  sd15: {
    title: 'Stable Diffusion 1.5 at 256×256 pixels',
    unet: SD15,
    batch: 1,
    latents: [4, 32, 32],
    tokens: 77,
    trained: 50_000_000,
    loraRank: 100,
    warmUp: 1,
    steps: 5,
  },
} as const satisfies Record<string, Size>;

export type SizeName = keyof typeof SIZES;
export const SIZE_NAMES = Object.keys(SIZES) as SizeName[];
