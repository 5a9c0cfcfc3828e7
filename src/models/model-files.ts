/** A whole model while its files are open, whether it is a folder or a single file: what loading and converting start from. */
import { join } from 'node:path';
import { z } from 'zod';
import { readJson, readTokenizerFiles, type TokenizerFiles } from '../formats/index.js';
import { readPythonJson } from '../formats/python-json.js';
import type { JsonObject } from './config.js';
import { declaredKeys } from './load.js';
import { readModelIndex } from './model-index.js';
import { CLIP_TEXT, type NetworkKind, UNET, VAE } from './network-kind.js';
import { openWeights, type Weights } from './weights.js';

/** The networks of Stable Diffusion 1, 2 and XL by the name of their folder. */
export const NETWORK_KINDS = {
  unet: UNET,
  vae: VAE,
  text_encoder: CLIP_TEXT,
  text_encoder_2: CLIP_TEXT,
} as const;

export type NetworkName = keyof typeof NETWORK_KINDS;

export type TokenizerName = 'tokenizer' | 'tokenizer_2';
const TOKENIZER_NAMES: readonly TokenizerName[] = ['tokenizer', 'tokenizer_2'];

/** One network's config.json and its weights, which are read when their turn comes. */
export interface NetworkFiles {
  readonly json: JsonObject;
  readonly weights: Weights;
}

export interface ModelFiles {
  /** model_index.json */
  readonly modelIndex: JsonObject;
  /** scheduler_config.json */
  readonly scheduler: JsonObject;
  readonly networks: ReadonlyMap<NetworkName, NetworkFiles>;
  readonly tokenizers: ReadonlyMap<TokenizerName, TokenizerFiles>;
  /** What was guessed because no file says it, for the user: sentences. */
  readonly conclusions: readonly string[];
  close(): Promise<void>;
}

const jsonObject = z.record(z.string(), z.unknown());

/** Opens a diffusers folder; see `openWeights` for the variant. Throws InputError where a file is missing or broken. */
export async function openModelFolder(folder: string, variant?: string): Promise<ModelFiles> {
  const modelIndex = await readModelIndex(folder);
  const scheduler = await readPythonJson(join(folder, 'scheduler', 'scheduler_config.json'));
  const tokenizers = new Map<TokenizerName, TokenizerFiles>();
  for (const name of TOKENIZER_NAMES) {
    if (name in modelIndex) tokenizers.set(name, await readTokenizerFiles(join(folder, name)));
  }
  const networks = new Map<NetworkName, NetworkFiles>();
  const close = async () => {
    await Promise.all([...networks.values()].map(({ weights }) => weights.close()));
  };
  try {
    for (const name of Object.keys(NETWORK_KINDS) as NetworkName[]) {
      if (!(name in modelIndex)) continue;
      networks.set(name, await openNetwork(join(folder, name), name, variant));
    }
    return { modelIndex, scheduler, networks, tokenizers, conclusions: [], close };
  } catch (error) {
    await close();
    throw error;
  }
}

/** Opens one network's folder, as `openModelFolder` does. */
export async function openNetwork(
  folder: string,
  name: NetworkName,
  variant?: string,
): Promise<NetworkFiles> {
  const json = await readJson(join(folder, 'config.json'), jsonObject);
  return { json, weights: await openWeights(folder, NETWORK_KINDS[name].weights, variant) };
}

/** Throws InputError where a weight that the configuration needs is missing or misshapen, or one it lacks is there. */
export function checkWeights(name: NetworkName, json: JsonObject, weights: Weights): void {
  const kind: NetworkKind<unknown> = NETWORK_KINDS[name];
  declaredKeys(name, kind, kind.parseConfig(json), weights);
}
