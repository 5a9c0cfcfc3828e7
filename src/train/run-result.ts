/** What a run ends with: an adapter, a whole model, or a learned token. */
import { basename, dirname, join, resolve } from 'node:path';
import { exists } from '../formats/index.js';
import { LEARNED_TOKEN, saveEmbeddings } from '../interop/index.js';
import { type PromptEncoder, type StableDiffusion, saveStableDiffusion } from '../models/index.js';
import type { Optimizer } from '../peft/index.js';
import type { TrainConfig } from './config.js';
import { learnedTokenOf, learnsToken } from './learned-token.js';
import { resultSettings } from './method-settings.js';

/** Its name in the run folder. */
export function resultName(config: TrainConfig): string {
  if (learnsToken(config)) return LEARNED_TOKEN;
  return savesModel(config) ? 'model' : 'adapter.safetensors';
}

/** Whether the run ends with a whole model rather than an adapter. */
export function savesModel({ method }: TrainConfig): boolean {
  return method === 'full';
}

/** Whether it is there already. */
export function isFinished(config: TrainConfig, path: string): Promise<boolean> {
  return exists(savesModel(config) ? join(path, 'model_index.json') : path);
}

/** Writes it. */
export async function saveResult(
  path: string,
  config: TrainConfig,
  trained: {
    optimizer: Optimizer;
    /** With the token, where the run learns one. */
    textEncoders: readonly PromptEncoder[] | undefined;
    whole: () => Promise<StableDiffusion>;
  },
): Promise<void> {
  const { optimizer, textEncoders, whole } = trained;
  if (savesModel(config)) await saveStableDiffusion(path, await whole());
  else if (textEncoders) await saveEmbeddings(dirname(path), learnedTokenOf(textEncoders, config));
  else {
    const { prefix } = config;
    const model = basename(resolve(config.model));
    await optimizer.save(path, { model, prefix, settings: resultSettings(config) });
  }
}
