/** Stable Diffusion 1, 2 and XL: the networks of one model, and running them. */
import { InputError } from '../errors.js';
import { ClipTokenizer, readTokenizerFiles } from '../formats/index.js';
import type { Weight } from '../nn/index.js';
import type { RuntimeOptions } from '../runtime/index.js';
import type { Tensor } from '../tensor/index.js';
import { vaeScaleFactor } from './autoencoder-kl-config.js';
import type { ClipTextConfig } from './clip-text.js';
import type { JsonObject } from './config.js';
import { type EncoderParts, Encoders } from './encoders.js';
import { type LearnedToken, withLearnedTokens } from './learned-token.js';
import { newModelIndex, pipelineOf } from './model-index.js';
import { checkConfigs, type ModelConfigs, modelConfigs, readEncoders, readUNet } from './model-parts.js';
import { CLIP_TEXT, initializeNetwork, type SavableNetwork, UNET, VAE } from './network-kind.js';
import { type OpenModelOptions, openModel } from './open-model.js';
import type { Conditioning } from './text-conditioning.js';
import { type UNetConfig, unet2DCondition } from './unet-2d-condition.js';

export interface StableDiffusionParts extends EncoderParts {
  unet: SavableNetwork<UNetConfig>;
  /** scheduler_config.json */
  schedulerConfig: JsonObject;
  /** What was guessed about the model because no file says it, for its user: sentences. */
  conclusions?: readonly string[];
}

/** The configurations of a model to be trained from nothing, and the folders of its tokenizers. */
export interface StableDiffusionConfigs {
  unet: JsonObject;
  vae: JsonObject;
  textEncoder: JsonObject;
  /** Of Stable Diffusion XL. */
  textEncoder2?: JsonObject;
  scheduler: JsonObject;
  tokenizer: string;
  /** Of Stable Diffusion XL. */
  tokenizer2?: string;
}

export interface LoadOptions extends RuntimeOptions, OpenModelOptions {
  /** What the UNet's weights are kept in; float16 for a model stored so, in half the memory. float32 unless said. */
  weightDtype?: Weight['dtype'];
  /** Tokens that its text encoders know beside their own. */
  learnedTokens?: readonly LearnedToken[];
}

export class StableDiffusion extends Encoders {
  readonly unet: SavableNetwork<UNetConfig>;
  readonly schedulerConfig: JsonObject;
  /** What its user should know of it: guesses where no file says something, and what adapters could not bring. Sentences. */
  readonly conclusions: string[];

  /** Throws InputError where the parts do not belong together. */
  constructor(parts: StableDiffusionParts, runtime: RuntimeOptions = {}) {
    super(parts, runtime);
    checkConfigs(this.pipeline, {
      unet: parts.unet.config,
      vae: parts.vae.config,
      textEncoders: parts.textEncoders.map(({ network }) => network.config),
    });
    this.unet = parts.unet;
    this.schedulerConfig = parts.schedulerConfig;
    this.conclusions = [...(parts.conclusions ?? [])];
  }

  /** Reads a diffusers folder or a single file. Throws InputError where something is missing, broken or not supported. */
  static async load(path: string, options: LoadOptions = {}): Promise<StableDiffusion> {
    const files = await openModel(path, options);
    try {
      modelConfigs(files);
      const encoders = await readEncoders(files);
      const textEncoders = withLearnedTokens(encoders.textEncoders, options.learnedTokens ?? []);
      const parts = { ...encoders, textEncoders, unet: await readUNet(files, options.weightDtype) };
      const { scheduler: schedulerConfig, conclusions } = files;
      return new StableDiffusion({ ...parts, schedulerConfig, conclusions }, options);
    } finally {
      await files.close();
    }
  }

  /** A model with newly drawn weights, keyed by the seed. */
  static async initialize(
    configs: StableDiffusionConfigs,
    seed: number,
    runtime: RuntimeOptions = {},
  ): Promise<StableDiffusion> {
    const texts = [[configs.textEncoder, configs.tokenizer] as const];
    if (configs.textEncoder2 && configs.tokenizer2) texts.push([configs.textEncoder2, configs.tokenizer2]);
    const modelIndex = newModelIndex(texts.length);
    const textEncoders = pipelineOf(modelIndex).textEncoders.map(async ({ network, tokenizer }, i) => {
      const [json, folder] = texts[i]!;
      const tokenizerFiles = await readTokenizerFiles(folder);
      return {
        tokenizerName: tokenizer,
        tokenizerFiles,
        tokenizer: ClipTokenizer.of(tokenizerFiles, folder),
        network: initializeNetwork(network, CLIP_TEXT, json, seed),
      };
    });
    const parts = {
      modelIndex,
      schedulerConfig: configs.scheduler,
      textEncoders: await Promise.all(textEncoders),
      vae: initializeNetwork('vae', VAE, configs.vae, seed),
      unet: initializeNetwork('unet', UNET, configs.unet, seed),
    };
    return new StableDiffusion(parts, runtime);
  }

  /** The network of the text encoder; of the first one in Stable Diffusion XL. */
  get textEncoder(): SavableNetwork<ClipTextConfig> {
    return this.textEncoders[0]!.network;
  }

  /**
   * The UNet's output [B, C, h, w] for latents [B, C, h, w], timesteps [B] and what they are conditioned on. Throws
   * InputError where the conditioning is not what the UNet takes.
   */
  async predict(
    sample: Tensor<'float32'>,
    timesteps: Tensor<'float32'>,
    { encoderHiddenStates, pooled, timeIds }: Conditioning,
  ): Promise<Tensor<'float32'>> {
    const inputs = {
      sample,
      timestep: timesteps,
      encoderHiddenStates,
      ...(pooled && timeIds ? { textEmbeds: pooled, timeIds } : {}),
    };
    const outputs = await this.sessions.run(this.unet, 'predict', inputs, (scope, values) => {
      const { textEmbeds, timeIds, ...rest } = values;
      const addedConditions = textEmbeds && timeIds ? { textEmbeds, timeIds } : undefined;
      return { output: unet2DCondition(scope, this.unet.config, { ...rest, addedConditions }) };
    });
    return outputs.get('output')!;
  }

  /** Height and width in pixels of the pictures that the model was made for. Throws InputError where it does not say. */
  get pictureSides(): [height: number, width: number] {
    return pictureSides({ unet: this.unet.config, vae: this.vae.config });
  }
}

/** The same by a model's configurations. */
export function pictureSides({
  unet,
  vae,
}: Pick<ModelConfigs, 'unet' | 'vae'>): [height: number, width: number] {
  const own = unet.sample_size;
  const [height, width] = typeof own === 'number' ? [own, own] : (own ?? []);
  if (height === undefined || width === undefined) {
    throw new InputError('unet/config.json has no sample_size; say the size of the pictures in pixels');
  }
  const factor = vaeScaleFactor(vae);
  return [height * factor, width * factor];
}
