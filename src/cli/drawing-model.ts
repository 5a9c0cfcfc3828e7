/** The model that draws: a base with the adapters and the learned tokens that a command names. */
import { readEmbedding } from '../interop/index.js';
import { type LoadOptions, type PredictionType, StableDiffusion } from '../models/index.js';
import { applyAdapters } from '../peft/index.js';
import type { Device } from '../runtime/index.js';
import type { AdapterChoice } from './adapter-setting.js';
import { loadAdapters } from './adapters.js';

export interface DrawingModel {
  model: string;
  predictionType: PredictionType | undefined;
  adapters: AdapterChoice[];
  /** Files of learned tokens. */
  embeddings: string[];
  device: Device;
  threads: number | undefined;
  weightDtype?: LoadOptions['weightDtype'];
}

/**
 * Loads it; `onBase` sees the base before adapters apply. Throws InputError where a file is missing, broken or does not fit
 * the model.
 */
export async function openDrawingModel(
  { model, adapters, embeddings, predictionType, device, threads, weightDtype }: DrawingModel,
  onBase: (sd: StableDiffusion) => void = () => {},
): Promise<StableDiffusion> {
  const learnedTokens = await Promise.all(embeddings.map(readEmbedding));
  const options = { predictionType, device, threads, weightDtype, learnedTokens };
  const sd = await StableDiffusion.load(model, options);
  onBase(sd);
  const reader = { model, unet: async () => sd.unet, onNote: (text: string) => sd.conclusions.push(text) };
  applyAdapters(sd.unet, await loadAdapters(adapters, reader), { model });
  return sd;
}
