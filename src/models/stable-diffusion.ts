/** Stable Diffusion 1 and 2: the networks of one model folder, and running them. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { InputError } from '../errors.js';
import { ClipTokenizer, exists } from '../formats/index.js';
import { readPythonJson } from '../formats/python-json.js';
import { graphOf, input, type Value } from '../graph/index.js';
import { type Network, parameterFeeds, Scope } from '../nn/index.js';
import type { RuntimeOptions } from '../runtime/index.js';
import { type Tensor, tensor, tensorOf } from '../tensor/index.js';
import { momentsToGaussian, scaleLatents, unscaleLatents, vaeDecode, vaeEncode } from './autoencoder-kl.js';
import { type VaeConfig, vaeScaleFactor } from './autoencoder-kl-config.js';
import { type ClipTextConfig, clipTextModel } from './clip-text.js';
import type { JsonObject } from './config.js';
import { loadNetwork } from './load.js';
import { NEW_MODEL_INDEX, readModelIndex } from './model-index.js';
import { CLIP_TEXT, initializeNetwork, type SavableNetwork, UNET, VAE } from './network-kind.js';
import { SessionCache } from './session-cache.js';
import { type UNetConfig, unet2DCondition } from './unet-2d-condition.js';

export interface StableDiffusionParts {
  unet: SavableNetwork<UNetConfig>;
  vae: SavableNetwork<VaeConfig>;
  textEncoder: SavableNetwork<ClipTextConfig>;
  tokenizer: ClipTokenizer;
  /** The tokenizer folder's files by name, to be written again. */
  tokenizerFiles: ReadonlyMap<string, Uint8Array>;
  /** scheduler_config.json */
  schedulerConfig: JsonObject;
  /** model_index.json */
  modelIndex: JsonObject;
}

/** The configurations of a model to be trained from nothing, and the folder of its tokenizer. */
export interface StableDiffusionConfigs {
  unet: JsonObject;
  vae: JsonObject;
  textEncoder: JsonObject;
  scheduler: JsonObject;
  tokenizer: string;
}

export class StableDiffusion {
  readonly unet: SavableNetwork<UNetConfig>;
  readonly vae: SavableNetwork<VaeConfig>;
  readonly textEncoder: SavableNetwork<ClipTextConfig>;
  readonly tokenizer: ClipTokenizer;
  readonly tokenizerFiles: ReadonlyMap<string, Uint8Array>;
  readonly schedulerConfig: JsonObject;
  readonly modelIndex: JsonObject;
  private readonly sessions: SessionCache;

  /** Throws InputError where the parts do not belong together. */
  constructor(parts: StableDiffusionParts, runtime: RuntimeOptions = {}) {
    checkParts(parts);
    this.unet = parts.unet;
    this.vae = parts.vae;
    this.textEncoder = parts.textEncoder;
    this.tokenizer = parts.tokenizer;
    this.tokenizerFiles = parts.tokenizerFiles;
    this.schedulerConfig = parts.schedulerConfig;
    this.modelIndex = parts.modelIndex;
    this.sessions = new SessionCache(runtime);
  }

  /** Reads a diffusers folder. Throws InputError where something is missing, broken or not supported. */
  static async load(folder: string, runtime: RuntimeOptions = {}): Promise<StableDiffusion> {
    const modelIndex = await readModelIndex(folder);
    const parts = {
      modelIndex,
      schedulerConfig: await readPythonJson(join(folder, 'scheduler', 'scheduler_config.json')),
      ...(await loadTokenizer(join(folder, 'tokenizer'))),
      textEncoder: await loadNetwork(join(folder, 'text_encoder'), 'text_encoder', CLIP_TEXT),
      vae: await loadNetwork(join(folder, 'vae'), 'vae', VAE),
      unet: await loadNetwork(join(folder, 'unet'), 'unet', UNET),
    };
    return new StableDiffusion(parts, runtime);
  }

  /** A model with newly drawn weights, keyed by the seed. */
  static async initialize(
    configs: StableDiffusionConfigs,
    seed: number,
    runtime: RuntimeOptions = {},
  ): Promise<StableDiffusion> {
    const parts = {
      modelIndex: NEW_MODEL_INDEX,
      schedulerConfig: configs.scheduler,
      ...(await loadTokenizer(configs.tokenizer)),
      textEncoder: initializeNetwork('text_encoder', CLIP_TEXT, configs.textEncoder, seed),
      vae: initializeNetwork('vae', VAE, configs.vae, seed),
      unet: initializeNetwork('unet', UNET, configs.unet, seed),
    };
    return new StableDiffusion(parts, runtime);
  }

  /** Token ids int32 [B, T], each text cut or padded to the tokenizer's length. */
  tokenize(texts: readonly string[]): Tensor<'int32'> {
    const ids = texts.map((text) => this.tokenizer.encode(text));
    return tensorOf('int32', [texts.length, this.tokenizer.modelMaxLength], Int32Array.from(ids.flat()));
  }

  /** What the UNet is conditioned on: the text encoder's last hidden state [B, T, D]. */
  encodePrompts(texts: readonly string[]): Promise<Tensor<'float32'>> {
    return this.oneByOne(this.textEncoder, 'encode', this.tokenize(texts), (scope, inputIds) => {
      return clipTextModel(scope, this.textEncoder.config, { inputIds }).lastHiddenState;
    });
  }

  /** Pictures [B, 3, H, W] in [−1, 1] → means and log variances of their latents [B, 2C, h, w], not scaled. */
  encodeMoments(pictures: Tensor<'float32'>): Promise<Tensor<'float32'>> {
    return this.oneByOne(this.vae, 'encode', pictures, (scope, picture) => {
      return vaeEncode(scope, this.vae.config, picture);
    });
  }

  /**
   * Pictures [B, 3, H, W] in [−1, 1] → latents [B, C, h, w] as the UNet takes them: the means, or, with standard
   * normal noise of that shape, samples.
   */
  async encodeImages(pictures: Tensor<'float32'>, noise?: Tensor<'float32'>): Promise<Tensor<'float32'>> {
    const { mean, std } = momentsToGaussian(await this.encodeMoments(pictures));
    const latents = noise ? mean.data.map((value, i) => value + std.data[i]! * noise.data[i]!) : mean.data;
    return scaleLatents(this.vae.config, tensor(mean.shape, latents));
  }

  /** Latents [B, C, h, w] as the UNet has them → pictures [B, 3, H, W], about [−1, 1]. */
  decodeLatents(latents: Tensor<'float32'>): Promise<Tensor<'float32'>> {
    return this.oneByOne(this.vae, 'decode', unscaleLatents(this.vae.config, latents), (scope, z) => {
      return vaeDecode(scope, this.vae.config, z);
    });
  }

  /** The UNet's output [B, C, h, w] for latents [B, C, h, w], timesteps [B] and text states [B, T, D]. */
  async predict(
    sample: Tensor<'float32'>,
    timesteps: Tensor<'float32'>,
    encoderHiddenStates: Tensor<'float32'>,
  ): Promise<Tensor<'float32'>> {
    const key = `unet ${sample.shape} ${encoderHiddenStates.shape}`;
    const session = await this.sessions.get(key, () => {
      const output = unet2DCondition(Scope.of(this.unet), this.unet.config, {
        sample: input('sample', sample.shape),
        timestep: input('timestep', timesteps.shape),
        encoderHiddenStates: input('encoder_hidden_states', encoderHiddenStates.shape),
      });
      return graphOf({ output });
    });
    const feeds = parameterFeeds(this.unet)
      .set('sample', sample)
      .set('timestep', timesteps)
      .set('encoder_hidden_states', encoderHiddenStates);
    return (await session.run(feeds)).get('output') as Tensor<'float32'>;
  }

  /** Pixels that one latent is wide and high. */
  get scaleFactor(): number {
    return vaeScaleFactor(this.vae.config);
  }

  /** Height and width in pixels of the pictures that the model was made for. Throws InputError where it does not say. */
  get pictureSides(): [height: number, width: number] {
    const own = this.unet.config.sample_size;
    const [height, width] = typeof own === 'number' ? [own, own] : (own ?? []);
    if (height === undefined || width === undefined) {
      throw new InputError('unet/config.json has no sample_size; say the size of the pictures in pixels');
    }
    return [height * this.scaleFactor, width * this.scaleFactor];
  }

  /** Frees what is compiled. The model stays usable and compiles again. */
  dispose(): Promise<void> {
    return this.sessions.dispose();
  }

  /**
   * Runs a network on each element of a batch by itself: memory does not grow with the batch, and what comes out
   * for one does not depend on its neighbours.
   */
  private async oneByOne(
    network: Network,
    what: string,
    batch: Tensor,
    build: (scope: Scope, value: Value) => Value,
  ): Promise<Tensor<'float32'>> {
    const [count, ...rest] = batch.shape as [number, ...number[]];
    const shape = [1, ...rest];
    const session = await this.sessions.get(`${network.name} ${what} ${shape}`, () =>
      graphOf({ output: build(Scope.of(network), input('input', shape, batch.dtype)) }),
    );
    const size = batch.data.length / count;
    const feeds = parameterFeeds(network);
    const outputs: Tensor<'float32'>[] = [];
    for (let i = 0; i < count; i++) {
      const data = batch.data.subarray(i * size, (i + 1) * size);
      feeds.set('input', { dtype: batch.dtype, shape, data } as Tensor);
      outputs.push((await session.run(feeds)).get('output') as Tensor<'float32'>);
    }
    return stack(outputs);
  }
}

/** Tensors [1, …] of equal shape as one [B, …]. */
function stack(parts: readonly Tensor<'float32'>[]): Tensor<'float32'> {
  const [first] = parts;
  if (!first) throw new RangeError('expected a batch of at least one');
  const data = new Float32Array(parts.length * first.data.length);
  parts.forEach((part, i) => {
    data.set(part.data, i * first.data.length);
  });
  return tensor([parts.length, ...first.shape.slice(1)], data);
}

const TOKENIZER_FILES = [
  'vocab.json',
  'merges.txt',
  'tokenizer.json',
  'tokenizer_config.json',
  'special_tokens_map.json',
  'added_tokens.json',
];

async function loadTokenizer(
  folder: string,
): Promise<Pick<StableDiffusionParts, 'tokenizer' | 'tokenizerFiles'>> {
  const tokenizer = await ClipTokenizer.load(folder);
  const tokenizerFiles = new Map<string, Uint8Array>();
  for (const name of TOKENIZER_FILES) {
    const path = join(folder, name);
    if (await exists(path)) tokenizerFiles.set(name, await readFile(path));
  }
  return { tokenizer, tokenizerFiles };
}

function checkParts({ unet, vae, textEncoder, tokenizer }: StableDiffusionParts): void {
  const text = textEncoder.config;
  const widths = [unet.config.cross_attention_dim].flat();
  const rules: [boolean, string][] = [
    [
      unet.config.addition_embed_type === null,
      `the unet has addition_embed_type ${unet.config.addition_embed_type}; expected null, as Stable Diffusion 1 and 2 have`,
    ],
    [
      widths[0] === text.hidden_size,
      `the unet has cross_attention_dim ${widths[0]} but the text_encoder hidden_size ${text.hidden_size}; expected the same`,
    ],
    [
      unet.config.in_channels === vae.config.latent_channels &&
        unet.config.out_channels === unet.config.in_channels,
      `the unet has in_channels ${unet.config.in_channels} and out_channels ${unet.config.out_channels}; expected the vae's latent_channels, ${vae.config.latent_channels}, for both`,
    ],
    [
      tokenizer.vocabSize <= text.vocab_size,
      `the tokenizer has ${tokenizer.vocabSize} ids but the text_encoder a vocab_size of ${text.vocab_size}; expected no more ids than that`,
    ],
    [
      tokenizer.modelMaxLength <= text.max_position_embeddings,
      `the tokenizer has model_max_length ${tokenizer.modelMaxLength} but the text_encoder max_position_embeddings ${text.max_position_embeddings}; expected no more than that`,
    ],
  ];
  for (const [holds, problem] of rules) {
    if (!holds) throw new InputError(`${problem}, so take components of one model`);
  }
}
