/** What is to know about each kind of network beyond its graph: where its files are, how its config reads, what weights it has. */
import { input } from '../graph/index.js';
import { type Network, type Parameters, Scope } from '../nn/index.js';
import { vaeDecode, vaeEncode } from './autoencoder-kl.js';
import { parseVaeConfig, type VaeConfig, vaeScaleFactor } from './autoencoder-kl-config.js';
import { type ClipTextConfig, clipTextModel, parseClipTextConfig } from './clip-text.js';
import type { JsonObject } from './config.js';
import { parseUNetConfig, type UNetConfig } from './unet-2d-condition.js';
import { declareUNet } from './unet-parameters.js';

export interface NetworkKind<Config> {
  /** Name of the safetensors file, without ending. */
  readonly weights: 'diffusion_pytorch_model' | 'model';
  /** Throws InputError where the config asks for what is not supported. */
  parseConfig(json: unknown): Config;
  /** Asks the scope for every weight the network has. */
  declare(scope: Scope, config: Config): void;
  /** Keys that published checkpoints have and that are no weights. */
  readonly ignored?: RegExp;
}

/** A network together with its config.json as it was read, so that it can be saved again. */
export interface SavableNetwork<Config = unknown> extends Network<Config> {
  readonly json: JsonObject;
  readonly kind: NetworkKind<Config>;
}

export const UNET: NetworkKind<UNetConfig> = {
  weights: 'diffusion_pytorch_model',
  parseConfig: parseUNetConfig,
  declare: declareUNet,
};

export const VAE: NetworkKind<VaeConfig> = {
  weights: 'diffusion_pytorch_model',
  parseConfig: parseVaeConfig,
  declare: (scope, config) => {
    const side = vaeScaleFactor(config);
    vaeEncode(scope, config, input('image', [1, config.in_channels, side, side]));
    vaeDecode(scope, config, input('latents', [1, config.latent_channels, 1, 1]));
  },
};

export const CLIP_TEXT: NetworkKind<ClipTextConfig> = {
  weights: 'model',
  parseConfig: parseClipTextConfig,
  declare: (scope, config) => {
    clipTextModel(scope, config, {
      inputIds: input('input_ids', [1, 1], 'int32'),
      pooledRows: input('pooled_rows', [1], 'int32'),
    });
  },
  ignored: /(^|\.)embeddings\.position_ids$/,
};

/** A network with newly drawn weights, keyed by seed and checkpoint key. */
export function initializeNetwork<Config>(
  name: string,
  kind: NetworkKind<Config>,
  json: JsonObject,
  seed: number,
): SavableNetwork<Config> {
  const config = kind.parseConfig(json);
  const parameters: Parameters = Scope.initialize(name, seed, (scope) => kind.declare(scope, config));
  return { name, kind, json, config, parameters };
}
