/** model_index.json: which pipelines are supported, which class each of their components is of, and what conditions their UNet. */
import { join } from 'node:path';
import { z } from 'zod';
import { InputError } from '../errors.js';
import { readJson } from '../formats/index.js';
import type { JsonObject } from './config.js';

/** A family of models whose folders have the same components. */
export interface Pipeline {
  readonly title: string;
  /** `_class_name` of model_index.json; the first is that of a new model. */
  readonly classNames: readonly [string, ...string[]];
  /** Each component's folder with the library and the classes it may be of; the first is that of a new model. */
  readonly components: Readonly<Record<string, readonly [library: string, ...classes: string[]]>>;
  /** In the order in which their states stand side by side. */
  readonly textEncoders: readonly TextEncoderFolders[];
  /** What of the text encoders the UNet takes, beside XL's sizes. */
  readonly conditioning: 'last states' | 'penultimate states and pooled text';
  /** Keys of components that change or check finished pictures; they are neither read nor written. */
  readonly without: JsonObject;
}

interface TextEncoderFolders {
  readonly network: 'text_encoder' | 'text_encoder_2';
  readonly tokenizer: 'tokenizer' | 'tokenizer_2';
}

const UNET_AND_VAE = {
  unet: ['diffusers', 'UNet2DConditionModel'],
  vae: ['diffusers', 'AutoencoderKL'],
} as const;

const TOKENIZER = ['transformers', 'CLIPTokenizer', 'CLIPTokenizerFast'] as const;

const STABLE_DIFFUSION: Pipeline = {
  title: 'Stable Diffusion 1 and 2',
  classNames: ['StableDiffusionPipeline', 'StableDiffusionImg2ImgPipeline'],
  components: {
    ...UNET_AND_VAE,
    text_encoder: ['transformers', 'CLIPTextModel'],
    tokenizer: TOKENIZER,
  },
  textEncoders: [{ network: 'text_encoder', tokenizer: 'tokenizer' }],
  conditioning: 'last states',
  without: {
    feature_extractor: [null, null],
    image_encoder: [null, null],
    requires_safety_checker: false,
    safety_checker: [null, null],
  },
};

const STABLE_DIFFUSION_XL: Pipeline = {
  title: 'Stable Diffusion XL',
  classNames: ['StableDiffusionXLPipeline', 'StableDiffusionXLImg2ImgPipeline'],
  components: {
    ...UNET_AND_VAE,
    text_encoder: ['transformers', 'CLIPTextModel'],
    text_encoder_2: ['transformers', 'CLIPTextModelWithProjection'],
    tokenizer: TOKENIZER,
    tokenizer_2: TOKENIZER,
  },
  textEncoders: [
    { network: 'text_encoder', tokenizer: 'tokenizer' },
    { network: 'text_encoder_2', tokenizer: 'tokenizer_2' },
  ],
  conditioning: 'penultimate states and pooled text',
  without: { feature_extractor: [null, null], image_encoder: [null, null] },
};

const PIPELINES: readonly Pipeline[] = [STABLE_DIFFUSION, STABLE_DIFFUSION_XL];

const objectSchema = z.record(z.string(), z.unknown());
const componentSchema = z.tuple([z.string(), z.string()]);

/** Reads and checks it. Throws InputError where the folder is not of a supported model. */
export async function readModelIndex(folder: string): Promise<JsonObject> {
  const path = join(folder, 'model_index.json');
  const index = await readJson(path, objectSchema);
  const pipeline = find(index);
  if (!pipeline) {
    const known = PIPELINES.map(({ classNames }) => classNames[0]).join(' or ');
    throw new InputError(
      `${path} describes a ${index._class_name}; expected ${known}, so take a Stable Diffusion 1, 2 or XL folder`,
    );
  }
  for (const [component, [, ...supported]] of Object.entries(pipeline.components)) {
    const name = classIn(index, component, path);
    if (!supported.includes(name)) {
      throw new InputError(
        `${path} has the ${component} ${name}, which is not supported; expected ${supported.join(' or ')}`,
      );
    }
  }
  classIn(index, 'scheduler', path);
  return index;
}

function classIn(index: JsonObject, component: string, path: string): string {
  const entry = componentSchema.safeParse(index[component]);
  if (!entry.success) throw new InputError(`${path} has no ${component}; check that the folder is complete`);
  return entry.data[1];
}

function find(index: JsonObject): Pipeline | undefined {
  return PIPELINES.find(({ classNames }) => classNames.includes(index._class_name as string));
}

/** The pipeline of an index that was checked, or made by `newModelIndex`. */
export function pipelineOf(index: JsonObject): Pipeline {
  const found = find(index);
  if (!found) throw new RangeError(`no pipeline is called ${index._class_name}`);
  return found;
}

/** The index of a folder to be written: as it was read, without the components that are left out. */
export function modelIndexToWrite(index: JsonObject, scheduler: unknown): JsonObject {
  return { ...index, ...pipelineOf(index).without, scheduler: ['diffusers', scheduler] };
}

/** The index of a model that was not read from a folder: of XL where it has two text encoders. */
export function newModelIndex(textEncoders: number): JsonObject {
  const { classNames, components } = textEncoders > 1 ? STABLE_DIFFUSION_XL : STABLE_DIFFUSION;
  const classes = Object.entries(components).map(([name, [library, first]]) => [name, [library, first]]);
  return { _class_name: classNames[0], ...Object.fromEntries(classes) };
}
