/** The components of one opened model: their configurations, whether they belong together, and reading them when their turn comes. */
import { InputError } from '../errors.js';
import { ClipTokenizer } from '../formats/index.js';
import type { Weight } from '../nn/index.js';
import type { VaeConfig } from './autoencoder-kl-config.js';
import type { ClipTextConfig } from './clip-text.js';
import type { EncoderParts } from './encoders.js';
import { readNetwork } from './load.js';
import { type ModelFiles, NETWORK_KINDS, type NetworkName } from './model-files.js';
import { type Pipeline, pipelineOf } from './model-index.js';
import type { NetworkKind, SavableNetwork } from './network-kind.js';
import type { PromptEncoder } from './text-conditioning.js';
import { contextWidth, type UNetConfig } from './unet-2d-condition-config.js';

export interface ModelConfigs {
  readonly unet: UNetConfig;
  readonly vae: VaeConfig;
  /** In the pipeline's order. */
  readonly textEncoders: readonly ClipTextConfig[];
}

/** The configurations of an opened model. Throws InputError where one is not supported, or where they do not fit together. */
export function modelConfigs(files: ModelFiles): ModelConfigs {
  const pipeline = pipelineOf(files.modelIndex);
  const parse = <Config>(name: NetworkName, kind: NetworkKind<Config>) =>
    kind.parseConfig(files.networks.get(name)!.json);
  const configs = {
    unet: parse('unet', NETWORK_KINDS.unet),
    vae: parse('vae', NETWORK_KINDS.vae),
    textEncoders: pipeline.textEncoders.map(({ network }) => parse(network, NETWORK_KINDS[network])),
  };
  checkConfigs(pipeline, configs);
  return configs;
}

export function readUNet(files: ModelFiles, dtype?: Weight['dtype']): Promise<SavableNetwork<UNetConfig>> {
  return read(files, 'unet', NETWORK_KINDS.unet, dtype);
}

export async function readEncoders(files: ModelFiles): Promise<EncoderParts> {
  const textEncoders: PromptEncoder[] = [];
  for (const { network, tokenizer } of pipelineOf(files.modelIndex).textEncoders) {
    const tokenizerFiles = files.tokenizers.get(tokenizer)!;
    textEncoders.push({
      tokenizerName: tokenizer,
      tokenizerFiles,
      tokenizer: ClipTokenizer.of(tokenizerFiles, tokenizer),
      network: await read(files, network, NETWORK_KINDS[network]),
    });
  }
  return { modelIndex: files.modelIndex, textEncoders, vae: await read(files, 'vae', NETWORK_KINDS.vae) };
}

function read<Config>(
  files: ModelFiles,
  name: NetworkName,
  kind: NetworkKind<Config>,
  dtype?: Weight['dtype'],
) {
  const { json, weights } = files.networks.get(name)!;
  return readNetwork(name, kind, json, weights, dtype);
}

/** Throws InputError where the networks are not of one model of that pipeline. */
export function checkConfigs(pipeline: Pipeline, { unet, vae, textEncoders }: ModelConfigs): void {
  const { title, conditioning } = pipeline;
  const width = textEncoders.reduce((sum, { hidden_size }) => sum + hidden_size, 0);
  const widths = textEncoders.map(({ hidden_size }) => hidden_size).join(' + ');
  const embedType = conditioning === 'last states' ? null : 'text_time';
  const rules: [boolean, string][] = [
    [
      unet.addition_embed_type === embedType,
      `the unet has addition_embed_type ${unet.addition_embed_type}; expected ${embedType}, as ${title} has`,
    ],
    [
      contextWidth(unet) === width,
      `the unet has cross_attention_dim ${contextWidth(unet)} but the text encoders hidden_size ${widths}; expected the same`,
    ],
    [
      unet.in_channels === vae.latent_channels && unet.out_channels === unet.in_channels,
      `the unet has in_channels ${unet.in_channels} and out_channels ${unet.out_channels}; expected the vae's latent_channels, ${vae.latent_channels}, for both`,
    ],
  ];
  if (embedType !== null) {
    const pooled = textEncoders.at(-1)!;
    const expected = pooled.projection_dim + TIME_IDS * (unet.addition_time_embed_dim ?? 0);
    rules.push(
      [
        pooled.architectures[0] === 'CLIPTextModelWithProjection',
        `the text_encoder_2 is a ${pooled.architectures[0]}; expected CLIPTextModelWithProjection, as ${title} has`,
      ],
      [
        unet.projection_class_embeddings_input_dim === expected,
        `the unet has projection_class_embeddings_input_dim ${unet.projection_class_embeddings_input_dim}; expected ${expected}, for the projection_dim of the text_encoder_2 and ${TIME_IDS} sizes`,
      ],
    );
  }
  for (const [holds, problem] of rules) {
    if (!holds) throw new InputError(`${problem}, so take components of one model`);
  }
}

/** Original height and width, crop top and left, target height and width. */
const TIME_IDS = 6;
