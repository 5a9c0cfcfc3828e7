/** From a model folder to a single file and back, tensor by tensor, so that a model of any size fits in little memory. */
import { rename, rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { InputError } from '../errors.js';
import {
  ensureFolder,
  exists,
  fileError,
  type LazyTensor,
  writeFileAtomic,
  writeSafetensors,
} from '../formats/index.js';
import { formatPythonJson } from '../formats/python-json.js';
import { checkWeights, type ModelFiles, NETWORK_KINDS, type NetworkFiles } from './model-files.js';
import { modelIndexToWrite } from './model-index.js';
import { inPrecision, type SaveDType } from './precision.js';
import { writeSingleFile } from './single-file/write.js';

export interface WriteModelOptions {
  /** Without it every weight keeps the precision it has. */
  readonly dtype?: SaveDType | undefined;
}

/**
 * Writes a model as a single file where the path ends in .safetensors, else as a diffusers folder; nothing is there
 * before all of it is. Throws InputError where something is there already, the weights do not fit their configurations,
 * or the system refuses.
 */
export async function writeModel(
  path: string,
  model: ModelFiles,
  { dtype }: WriteModelOptions = {},
): Promise<void> {
  const pickle = path.match(/\.(ckpt|pt|pth|bin)$/);
  if (pickle)
    throw new InputError(`${pickle[0]} files are not written; name a .safetensors file or a folder`);
  if (await exists(path)) throw new InputError(`${path} exists already; name a new file or folder`);
  const written = dtype === undefined ? model : withPrecision(model, dtype);
  if (path.endsWith('.safetensors')) await writeSingleFile(path, written);
  else await writeModelFolder(path, written);
}

function withPrecision(model: ModelFiles, dtype: SaveDType): ModelFiles {
  const networks = [...model.networks].map(([name, { json, weights }]) => {
    const tensors = [...weights.tensors].map(
      ([key, tensor]) => [key, inPrecision(name, key, tensor, dtype) as LazyTensor] as const,
    );
    return [name, { json, weights: { ...weights, tensors: new Map(tensors) } }] as const;
  });
  return { ...model, networks: new Map(networks) };
}

/** Writes all files into a folder beside, which then takes the name. */
async function writeModelFolder(folder: string, model: ModelFiles): Promise<void> {
  const parent = dirname(folder);
  await ensureFolder(parent);
  const temporary = join(parent, `.${basename(folder)}.${process.pid}.tmp`);
  try {
    for (const [name, network] of model.networks) await writeNetwork(temporary, name, network);
    for (const [name, files] of model.tokenizers) {
      for (const [file, bytes] of files) await writeFileAtomic(join(temporary, name, file), bytes);
    }
    const scheduler = join(temporary, 'scheduler', 'scheduler_config.json');
    await writeFileAtomic(scheduler, formatPythonJson(model.scheduler));
    const index = modelIndexToWrite(model.modelIndex, model.scheduler._class_name);
    await writeFileAtomic(join(temporary, 'model_index.json'), formatPythonJson(index));
    await rename(temporary, folder).catch((error) => {
      throw fileError('write', folder, error);
    });
  } catch (error) {
    await rm(temporary, { recursive: true, force: true });
    throw error;
  }
}

async function writeNetwork(
  folder: string,
  name: keyof typeof NETWORK_KINDS,
  { json, weights }: NetworkFiles,
): Promise<void> {
  checkWeights(name, json, weights);
  await writeFileAtomic(join(folder, name, 'config.json'), formatPythonJson(json));
  const path = join(folder, name, `${NETWORK_KINDS[name].weights}.safetensors`);
  await writeSafetensors(path, weights.tensors, { format: 'pt' });
}
