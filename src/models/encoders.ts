/** What stands around the UNet: text encoders, and the autoencoder between pictures and latents; running them. */
import { InputError } from '../errors.js';
import type { Value } from '../graph/index.js';
import type { Network, Scope } from '../nn/index.js';
import type { RuntimeOptions } from '../runtime/index.js';
import { concatenate, type Tensor, tensor, tensorOf } from '../tensor/index.js';
import { momentsToGaussian, scaleLatents, unscaleLatents, vaeDecode, vaeEncode } from './autoencoder-kl.js';
import { type VaeConfig, vaeScaleFactor } from './autoencoder-kl-config.js';
import { pooledRows } from './clip-text.js';
import type { JsonObject } from './config.js';
import { type Pipeline, pipelineOf } from './model-index.js';
import type { SavableNetwork } from './network-kind.js';
import { SessionCache } from './session-cache.js';
import {
  type PromptEncoder,
  promptStates,
  sideBySide,
  stackConditionings,
  type TextStates,
} from './text-conditioning.js';

export interface EncoderParts {
  vae: SavableNetwork<VaeConfig>;
  /** One, or two in Stable Diffusion XL. */
  textEncoders: readonly PromptEncoder[];
  /** model_index.json */
  modelIndex: JsonObject;
}

export class Encoders {
  readonly vae: SavableNetwork<VaeConfig>;
  readonly textEncoders: readonly PromptEncoder[];
  readonly modelIndex: JsonObject;
  protected readonly pipeline: Pipeline;
  protected readonly sessions: SessionCache;

  /** Throws InputError where a tokenizer does not belong to its text encoder. */
  constructor(parts: EncoderParts, runtime: RuntimeOptions = {}) {
    for (const encoder of parts.textEncoders) checkTokenizer(encoder);
    this.vae = parts.vae;
    this.textEncoders = parts.textEncoders;
    this.modelIndex = parts.modelIndex;
    this.pipeline = pipelineOf(parts.modelIndex);
    this.sessions = new SessionCache(runtime);
  }

  /** Token ids int32 [B, T] for the first text encoder or another, each text cut or padded to the tokenizer's length. */
  tokenize(texts: readonly string[], encoder = 0): Tensor<'int32'> {
    const { tokenizer } = this.textEncoders[encoder]!;
    const ids = texts.flatMap((text) => tokenizer.encode(text));
    return tensorOf('int32', [texts.length, tokenizer.modelMaxLength], Int32Array.from(ids));
  }

  /**
   * What the UNet is conditioned on: the text encoder's last hidden states [B, T, D]; in Stable Diffusion XL the
   * penultimate ones of both text encoders side by side, and the pooled text [B, P] of the second.
   */
  async encodePrompts(texts: readonly string[]): Promise<TextStates> {
    const encoded: TextStates[] = [];
    for (const text of texts) {
      const parts: TextStates[] = [];
      for (const i of this.textEncoders.keys()) parts.push(await this.encodeBy(i, text));
      encoded.push(sideBySide(parts));
    }
    return stackConditionings(encoded);
  }

  /** What stands for no text in guidance, [1, …]: the states of the empty text, or zeros where the model was made so. */
  async encodeNoPrompt(): Promise<TextStates> {
    if (!this.zerosForNoPrompt) return this.encodePrompts(['']);
    const tokens = this.textEncoders[0]!.tokenizer.modelMaxLength;
    const configs = this.textEncoders.map(({ network }) => network.config);
    const width = configs.reduce((sum, { hidden_size }) => sum + hidden_size, 0);
    const zeros = (shape: number[]) => tensor(shape, new Float32Array(shape[1]! * (shape[2] ?? 1)));
    return {
      encoderHiddenStates: zeros([1, tokens, width]),
      pooled: zeros([1, configs.at(-1)!.projection_dim]),
    };
  }

  /** Whether zeros stand for no text; Stable Diffusion XL's index may say no. */
  get zerosForNoPrompt(): boolean {
    return (
      this.pipeline.conditioning === 'penultimate states and pooled text' &&
      this.modelIndex.force_zeros_for_empty_prompt !== false
    );
  }

  /** Pictures [B, 3, H, W] in [−1, 1] → means and log variances of their latents [B, 2C, h, w], not scaled. */
  encodeMoments(pictures: Tensor<'float32'>): Promise<Tensor<'float32'>> {
    return this.oneByOne(this.vae, 'encode', pictures, (scope, picture) =>
      vaeEncode(scope, this.vae.config, picture),
    );
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
    return this.oneByOne(this.vae, 'decode', unscaleLatents(this.vae.config, latents), (scope, z) =>
      vaeDecode(scope, this.vae.config, z),
    );
  }

  /** Pixels that one latent is wide and high. */
  get scaleFactor(): number {
    return vaeScaleFactor(this.vae.config);
  }

  /** Frees what is compiled. The networks stay usable and compile again. */
  dispose(): Promise<void> {
    return this.sessions.dispose();
  }

  /** One text by one of the text encoders. */
  private async encodeBy(i: number, text: string): Promise<TextStates> {
    const { network } = this.textEncoders[i]!;
    const ids = this.tokenize([text], i);
    const rows = pooledRows(network.config, ids);
    const found = await this.sessions.run(
      network,
      'encode',
      { inputIds: ids, pooledRows: rows },
      (scope, inputs) => promptStates(scope, network.config, this.pipeline.conditioning, inputs),
    );
    return { encoderHiddenStates: found.get('states')!, pooled: found.get('pooled') };
  }

  /**
   * Runs the autoencoder on each element of a batch by itself: memory does not grow with the batch, and what comes out
   * for one does not depend on its neighbours.
   */
  private async oneByOne(
    network: Network,
    what: string,
    { shape, data }: Tensor<'float32'>,
    build: (scope: Scope, value: Value) => Value,
  ): Promise<Tensor<'float32'>> {
    const [count, ...rest] = shape as [number, ...number[]];
    const size = data.length / count;
    const outputs: Tensor<'float32'>[] = [];
    for (let i = 0; i < count; i++) {
      const element = tensor([1, ...rest], data.subarray(i * size, (i + 1) * size));
      const found = await this.sessions.run(network, what, { element }, (scope, inputs) => ({
        output: build(scope, inputs.element),
      }));
      outputs.push(found.get('output')!);
    }
    return concatenate(outputs);
  }
}

function checkTokenizer({ network, tokenizer, tokenizerName }: PromptEncoder): void {
  const { vocab_size, max_position_embeddings } = network.config;
  if (tokenizer.vocabSize > vocab_size) {
    throw new InputError(
      `the ${tokenizerName} has ${tokenizer.vocabSize} ids but the ${network.name} a vocab_size of ${vocab_size}; expected no more ids than that, so take components of one model`,
    );
  }
  if (tokenizer.modelMaxLength > max_position_embeddings) {
    throw new InputError(
      `the ${tokenizerName} has model_max_length ${tokenizer.modelMaxLength} but the ${network.name} max_position_embeddings ${max_position_embeddings}; expected no more than that, so take components of one model`,
    );
  }
}
