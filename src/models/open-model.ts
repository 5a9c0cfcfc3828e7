/** Opening a model by whatever its user names: a diffusers folder, a single file, a UNet's folder, a model of the Hub. */
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { InputError } from '../errors.js';
import { exists, openTensorFile } from '../formats/index.js';
import { type DownloadEvent, downloadModel, parseHubName } from './hub-model.js';
import { readNetwork } from './load.js';
import { type ModelFiles, openModelFolder, openNetwork } from './model-files.js';
import { type SavableNetwork, UNET } from './network-kind.js';
import { UNET_PREFIX } from './single-file/families.js';
import { openSingleFile, type SingleFileOptions } from './single-file/open.js';
import type { UNetConfig } from './unet-2d-condition.js';

export interface OpenModelOptions extends SingleFileOptions {
  /** Told while a model is downloaded that was named `hub:owner/model`. */
  readonly onDownload?: ((event: DownloadEvent) => void) | undefined;
}

/** Throws InputError where there is no model of this name, or it is broken or of a kind that is not read. */
export async function openModel(name: string, options: OpenModelOptions = {}): Promise<ModelFiles> {
  const { path, variant, isFile } = await locate(name, options);
  if (isFile) return openSingleFile(path, options);
  const model = await openModelFolder(path, variant);
  if (options.predictionType === undefined) return model;
  return { ...model, scheduler: { ...model.scheduler, prediction_type: options.predictionType } };
}

/** The UNet of a model folder or a single file, or of a UNet's own folder. Throws InputError as `openModel` does. */
export async function loadUNet(
  name: string,
  options: OpenModelOptions = {},
): Promise<SavableNetwork<UNetConfig>> {
  const { path, variant, isFile } = await locate(name, options);
  if (!isFile) {
    const whole = await exists(join(path, 'model_index.json'));
    const { json, weights } = await openNetwork(whole ? join(path, 'unet') : path, 'unet', variant);
    return readNetwork('unet', UNET, json, weights).finally(() => weights.close());
  }
  const model = await openSingleFile(path, options);
  const { json, weights } = model.networks.get('unet')!;
  return readNetwork('unet', UNET, json, weights).finally(() => model.close());
}

/** Whether this is a model or a UNet, and not some other file. Throws InputError where there is nothing, or no file of tensors. */
export async function holdsUNet(name: string): Promise<boolean> {
  const { path, isFile } = await locate(name, {});
  if (!isFile) return true;
  const file = await openTensorFile(path);
  await file.close();
  return [...file.tensors.keys()].some((key) => key.startsWith(UNET_PREFIX));
}

interface Place {
  readonly path: string;
  readonly isFile: boolean;
  /** Which weights to take where a folder has several. */
  readonly variant?: string | undefined;
}

async function locate(name: string, { onDownload }: OpenModelOptions): Promise<Place> {
  const hub = parseHubName(name);
  const path = hub === undefined ? name : await downloadModel(hub, onDownload);
  try {
    return { path, isFile: (await stat(path)).isFile(), variant: hub?.variant };
  } catch {
    throw new InputError(`there is nothing at ${path}; ${whatToName(name)}`);
  }
}

function whatToName(name: string): string {
  return /^[\w.-]+\/[\w.-]+$/.test(name)
    ? `name a model folder or file, or hub:${name} to download it from the Hugging Face Hub`
    : 'name a model folder or a .safetensors or .ckpt file';
}
