/** The objective of training with noisy latents and target given, and text read by the text encoder of a golden case. */
import { noiseSchedule } from '../src/diffusion/index.js';
import { CLIP_TEXT, type ClipTextConfig, loadNetwork, type UNetConfig } from '../src/models/index.js';
import type { Network } from '../src/nn/index.js';
import type { Tensor } from '../src/tensor/index.js';
import { type DiffusionBatch, DiffusionObjective } from '../src/train/diffusion-objective.js';

/** What a schedule would make is overwritten. */
const UNUSED = noiseSchedule({ beta_schedule: 'scaled_linear', beta_start: 0.00085, beta_end: 0.012 });

/** Takes a batch's latents as noisy ones, and its noise as the target. */
export class GivenTargetObjective extends DiffusionObjective {
  constructor(unet: Network<UNetConfig>, textEncoder: Network<ClipTextConfig>) {
    super(unet, UNUSED, { textEncoder });
  }

  override feeds(batch: DiffusionBatch): Map<string, Tensor> {
    return super.feeds(batch).set('noisy_latents', batch.latents).set('target', batch.noise);
  }
}

/** The text encoder of a peft/text-encoder folder. */
export function loadTextEncoder(folder: string) {
  return loadNetwork(folder, 'text_encoder', CLIP_TEXT);
}
