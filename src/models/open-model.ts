/** Opening a model by whatever its user names: a diffusers folder, a single file, a UNet's folder. */
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { InputError } from '../errors.js';
import { exists, openTensorFile } from '../formats/index.js';
import { loadNetwork, readNetwork } from './load.js';
import { type ModelFiles, openModelFolder } from './model-files.js';
import { type SavableNetwork, UNET } from './network-kind.js';
import { UNET_PREFIX } from './single-file/families.js';
import { openSingleFile, type SingleFileOptions } from './single-file/open.js';
import type { UNetConfig } from './unet-2d-condition.js';

export type OpenModelOptions = SingleFileOptions;

/** Throws InputError where there is no model at this path, or it is broken or of a kind that is not read. */
export async function openModel(path: string, options: OpenModelOptions = {}): Promise<ModelFiles> {
  if (await isFile(path)) return openSingleFile(path, options);
  const model = await openModelFolder(path);
  if (options.predictionType === undefined) return model;
  return { ...model, scheduler: { ...model.scheduler, prediction_type: options.predictionType } };
}

/** The UNet of a model folder or a single file, or of a UNet's own folder. Throws InputError as `openModel` does. */
export async function loadUNet(path: string): Promise<SavableNetwork<UNetConfig>> {
  if (!(await isFile(path))) {
    const whole = await exists(join(path, 'model_index.json'));
    return loadNetwork(whole ? join(path, 'unet') : path, 'unet', UNET);
  }
  const model = await openSingleFile(path);
  try {
    const { json, weights } = model.networks.get('unet')!;
    return await readNetwork('unet', UNET, json, weights);
  } finally {
    await model.close();
  }
}

/** Whether a path is a folder or a single file with a UNet, and not some other file. Throws InputError where it is neither. */
export async function holdsUNet(path: string): Promise<boolean> {
  if (!(await isFile(path))) return true;
  const file = await openTensorFile(path);
  await file.close();
  return [...file.tensors.keys()].some((key) => key.startsWith(UNET_PREFIX));
}

async function isFile(path: string): Promise<boolean> {
  try {
    return (await stat(path)).isFile();
  } catch {
    throw new InputError(`there is nothing at ${path}; name a model folder or a .safetensors or .ckpt file`);
  }
}
