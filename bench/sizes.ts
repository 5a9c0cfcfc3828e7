/** The model sizes that are measured: configurations, picture sizes and batches, and how many weights SaRA trains. */
import { SCHEDULER, TEXT_ENCODER, UNET } from '../scripts/emoji/configs.js';
import type { JsonObject } from '../src/models/index.js';
import { SD15, SDXL_UNET } from './model-configs.js';

/** Steps that a drawn picture takes. */
export const SAMPLER_STEPS = 20;

/** What is trained on at once. */
export interface Point {
  /** Side of the pictures. */
  readonly pixels: number;
  readonly batch: number;
}

export interface Size {
  readonly title: string;
  readonly unet: JsonObject;
  /** The other networks, where drawing is measured too. */
  readonly vae?: JsonObject;
  readonly textEncoder?: JsonObject;
  readonly scheduler: JsonObject;
  /** Pixels that a latent is wide. */
  readonly scaleFactor: number;
  /** Length of the text condition. */
  readonly tokens: number;
  /** About how many entries SaRA trains. */
  readonly trained: number;
  /** Rank of the LoRA that PyTorch is measured with. */
  readonly loraRank: number;
  /** The first one is where every method is measured. */
  readonly points: readonly [Point, ...Point[]];
  /** Where pictures are drawn, two prompts at once. */
  readonly sampleAt?: Point;
  readonly warmUp: number;
  readonly steps: number;
}

/** A size at one of its points, as a measurement takes it. */
export interface Case extends Size, Point {
  /** Channels, height and width of one sample. */
  readonly latents: readonly [number, number, number];
}

export const SIZES = {
  /** Seconds instead of minutes: to try the benchmark itself. */
  tiny: {
    title: 'a tiny UNet',
    ...SD15,
    unet: { ...SD15.unet, block_out_channels: [32, 32, 64, 64], cross_attention_dim: 48 },
    vae: { ...SD15.vae, block_out_channels: [32, 32, 32, 32], layers_per_block: 1 },
    textEncoder: { ...SD15.textEncoder, hidden_size: 48, intermediate_size: 96, num_hidden_layers: 2 },
    trained: 50_000,
    loraRank: 8,
    points: [
      { pixels: 64, batch: 1 },
      { pixels: 64, batch: 2 },
    ],
    sampleAt: { pixels: 128, batch: 1 },
    warmUp: 1,
    steps: 2,
  },
  emoji: {
    title: 'the emoji model',
    unet: UNET,
    textEncoder: TEXT_ENCODER,
    scheduler: SCHEDULER,
    scaleFactor: 8,
    tokens: 24,
    trained: 640_000,
    loraRank: 16,
    points: [{ pixels: 64, batch: 16 }],
    warmUp: 5,
    steps: 20,
  },
  sd15: {
    title: 'Stable Diffusion 1.5',
    ...SD15,
    trained: 50_000_000,
    loraRank: 100,
    points: [
      { pixels: 256, batch: 1 },
      { pixels: 256, batch: 2 },
      { pixels: 256, batch: 4 },
      { pixels: 256, batch: 8 },
      { pixels: 512, batch: 1 },
    ],
    sampleAt: { pixels: 512, batch: 1 },
    warmUp: 1,
    steps: 3,
  },
  sdxl: {
    title: 'Stable Diffusion XL',
    ...SD15,
    unet: SDXL_UNET,
    trained: 50_000_000,
    loraRank: 100,
    points: [{ pixels: 512, batch: 1 }],
    warmUp: 1,
    steps: 2,
  },
} as const satisfies Record<string, Size>;

export type SizeName = keyof typeof SIZES;
export const SIZE_NAMES = Object.keys(SIZES) as SizeName[];

export function caseOf(size: Size, { pixels, batch }: Point): Case {
  const side = pixels / size.scaleFactor;
  return { ...size, pixels, batch, latents: [size.unet.in_channels as number, side, side] };
}
