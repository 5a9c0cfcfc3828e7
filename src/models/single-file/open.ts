/** Opening a single file as the model of several networks that it is. */
import { lazyTensors, openTensorFile } from '../../formats/index.js';
import { Scope } from '../../nn/index.js';
import type { JsonObject } from '../config.js';
import { type ModelFiles, NETWORK_KINDS, type NetworkFiles, type NetworkName } from '../model-files.js';
import { unetParameterShapes } from '../unet-parameters.js';
import { type PredictionType, type TextEncoderFamily, UNET_PREFIX, VAE_PREFIX } from './families.js';
import { familyOf } from './family-of.js';
import { statedConfigs, statedTokenizers } from './header.js';
import { Part, shapesOf, type Tensors } from './part.js';
import { predictionOf } from './prediction.js';
import { textConfigOf } from './text-config-of.js';
import { originalTextPlace, POSITION_IDS } from './text-keys.js';
import { unetConfigOf } from './unet-config-of.js';
import { originalUNetKeys } from './unet-keys.js';
import { vaeConfigOf } from './vae-config-of.js';
import { originalVaePlace } from './vae-keys.js';

export interface SingleFileOptions {
  /** What the UNet predicts, where the file does not say it or is wrong. */
  readonly predictionType?: PredictionType | undefined;
}

/**
 * Opens a single file of Stable Diffusion 1, 2 or XL (.safetensors, or .ckpt) under diffusers' names. Configurations are
 * those that `sara convert` left in the file, or else read off the shapes and completed from the published family.
 * Throws InputError where the file is of another kind, lacks weights or has others.
 */
export async function openSingleFile(
  path: string,
  { predictionType }: SingleFileOptions = {},
): Promise<ModelFiles> {
  const file = await openTensorFile(path);
  try {
    const tensors = withTextModel(lazyTensors(file));
    const family = familyOf(path, shapesOf(tensors));
    const metadata = file.metadata;
    const stated = statedConfigs(path, metadata);
    const prediction = await predictionOf(file, tensors, family, stated?.scheduler, predictionType);
    const { sampleSize } = family.by[prediction.type];

    const part = (name: NetworkName, prefix: string) => new Part(path, name, prefix, tensors);
    const texts = family.textEncoders.map(
      (encoder) => [encoder, part(encoder.name, prefixIn(tensors, encoder))] as const,
    );
    const pooledWidth = texts.at(-1)![1].shapes.get('text_projection')?.[1];
    const unet = part('unet', UNET_PREFIX);
    const vae = part('vae', VAE_PREFIX);
    const json = stated?.networks ?? {};
    const networks = new Map<NetworkName, NetworkFiles>([
      [
        'unet',
        restoreUNet(unet, json.unet ?? unetConfigOf(unet.shapes, family, { sampleSize, pooledWidth })),
      ],
      ['vae', restoreVae(vae, json.vae ?? vaeConfigOf(vae.shapes, family))],
    ]);
    for (const [encoder, text] of texts) {
      const config = json[encoder.name] ?? textConfigOf(text.shapes, encoder);
      networks.set(encoder.name, restoreText(text, config, encoder));
    }
    return {
      conclusions: prediction.conclusions,
      modelIndex: stated?.modelIndex ?? family.modelIndex,
      scheduler: prediction.scheduler,
      networks,
      tokenizers: await statedTokenizers(path, metadata, family),
      close: () => file.close(),
    };
  } catch (error) {
    await file.close();
    throw error;
  }
}

/** Old files of Stable Diffusion 1 leave out `text_model.` as transformers once did; here they have it. */
function withTextModel(tensors: Tensors): Tensors {
  const shortened = /^(cond_stage_model\.transformer\.)(?=embeddings\.|encoder\.|final_layer_norm\.)/;
  return new Map([...tensors].map(([key, tensor]) => [key.replace(shortened, '$1text_model.'), tensor]));
}

/** Where the text encoder's keys begin in this file. */
function prefixIn(tensors: Tensors, { prefixes }: TextEncoderFamily): string {
  const keys = [...tensors.keys()];
  return prefixes.find((prefix) => keys.some((key) => key.startsWith(prefix)))!;
}

function restoreUNet(part: Part, json: JsonObject): NetworkFiles {
  const config = NETWORK_KINDS.unet.parseConfig(json);
  const keys = originalUNetKeys(config, unetParameterShapes(config).keys());
  const places = [...keys].map(([key, original]) => [key, { key: original, form: 'same' }] as const);
  return { json, weights: part.restore(new Map(places)) };
}

/** What training an autoencoder leaves in files: its losses, and averages of its weights. */
const OF_TRAINING = /^(loss|model_ema)\./;

function restoreVae(part: Part, json: JsonObject): NetworkFiles {
  const config = NETWORK_KINDS.vae.parseConfig(json);
  const levels = config.block_out_channels.length;
  const declared = Scope.declared('vae', (scope) => NETWORK_KINDS.vae.declare(scope, config));
  const places = [...declared.keys()].map((key) => [key, originalVaePlace(key, levels)] as const);
  return { json, weights: part.restore(new Map(places), OF_TRAINING) };
}

function restoreText(part: Part, json: JsonObject, encoder: TextEncoderFamily): NetworkFiles {
  const kind = NETWORK_KINDS[encoder.name];
  const config = kind.parseConfig(json);
  const keys = [...Scope.declared(encoder.name, (scope) => kind.declare(scope, config)).keys()];
  if (part.tensors.has(encoder.positionIds)) keys.push(POSITION_IDS);
  const places = keys.map((key) => [key, originalTextPlace(encoder, key)] as const);
  return { json, weights: part.restore(new Map(places), encoder.without) };
}
