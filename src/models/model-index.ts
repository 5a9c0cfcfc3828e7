/** model_index.json of a Stable Diffusion folder: which class each component is of. */
import { join } from 'node:path';
import { z } from 'zod';
import { InputError } from '../errors.js';
import { readJson } from '../formats/index.js';
import type { JsonObject } from './config.js';

/** Pipelines with the components of Stable Diffusion 1 and 2. */
const PIPELINES = ['StableDiffusionPipeline', 'StableDiffusionImg2ImgPipeline'];

const CLASSES: Readonly<Record<string, readonly string[] | undefined>> = {
  unet: ['UNet2DConditionModel'],
  vae: ['AutoencoderKL'],
  text_encoder: ['CLIPTextModel'],
  tokenizer: ['CLIPTokenizer', 'CLIPTokenizerFast'],
  scheduler: undefined,
};

/** Components that change or check finished pictures; they are neither read nor written. */
const WITHOUT: JsonObject = {
  feature_extractor: [null, null],
  image_encoder: [null, null],
  requires_safety_checker: false,
  safety_checker: [null, null],
};

const objectSchema = z.record(z.string(), z.unknown());
const componentSchema = z.tuple([z.string(), z.string()]);

/** Reads and checks it. Throws InputError where the folder is not of a Stable Diffusion 1 or 2 model. */
export async function readModelIndex(folder: string): Promise<JsonObject> {
  const path = join(folder, 'model_index.json');
  const index = await readJson(path, objectSchema);
  if (typeof index._class_name !== 'string' || !PIPELINES.includes(index._class_name)) {
    throw new InputError(
      `${path} describes a ${index._class_name}; expected ${PIPELINES.join(' or ')}, so take a Stable Diffusion 1 or 2 folder`,
    );
  }
  for (const [component, supported] of Object.entries(CLASSES)) {
    const entry = componentSchema.safeParse(index[component]);
    if (!entry.success)
      throw new InputError(`${path} has no ${component}; check that the folder is complete`);
    const [, name] = entry.data;
    if (supported && !supported.includes(name)) {
      throw new InputError(
        `${path} has the ${component} ${name}, which is not supported; expected ${supported.join(' or ')}`,
      );
    }
  }
  return index;
}

/** The index of a folder to be written: as it was read, without the components that are left out. */
export function modelIndexToWrite(index: JsonObject, scheduler: unknown): JsonObject {
  return { ...index, ...WITHOUT, scheduler: ['diffusers', scheduler] };
}

/** The index of a model that was not read from a folder. */
export const NEW_MODEL_INDEX: JsonObject = {
  _class_name: 'StableDiffusionPipeline',
  text_encoder: ['transformers', 'CLIPTextModel'],
  tokenizer: ['transformers', 'CLIPTokenizer'],
  unet: ['diffusers', 'UNet2DConditionModel'],
  vae: ['diffusers', 'AutoencoderKL'],
};
