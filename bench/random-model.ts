/** Models with random weights as folders, written weight by weight: the memory for all of them is never taken. */
import { copyFile, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { ensureFolder, type LazyTensor, writeFileAtomic, writeSafetensors } from '../src/formats/index.js';
import { CLIP_TEXT, type JsonObject, type NetworkKind, UNET, VAE } from '../src/models/index.js';
import { declarations, randomWeights, type WeightDType } from './random-weights.js';

/** Writes a network's config.json and weights. */
export async function writeRandomNetwork<Config>(
  folder: string,
  name: string,
  kind: NetworkKind<Config>,
  json: JsonObject,
  dtype: WeightDType,
): Promise<void> {
  const draw = randomWeights(dtype);
  const tensors = new Map<string, LazyTensor>();
  for (const [key, declaration] of declarations(name, kind, kind.parseConfig(json))) {
    tensors.set(key, { dtype, shape: declaration.shape, load: () => draw(declaration) });
  }
  await writeSafetensors(join(folder, `${kind.weights}.safetensors`), tensors, { format: 'pt' });
  await writeJson(join(folder, 'config.json'), json);
}

export interface ModelConfigs {
  readonly unet: JsonObject;
  readonly vae: JsonObject;
  readonly textEncoder: JsonObject;
  readonly scheduler: JsonObject;
  /** A folder with a tokenizer's files. */
  readonly tokenizer: string;
}

/** Writes a Stable Diffusion 1 model as diffusers lays it out. */
export async function writeRandomModel(
  folder: string,
  configs: ModelConfigs,
  dtype: WeightDType,
): Promise<void> {
  await writeRandomNetwork(join(folder, 'unet'), 'unet', UNET, configs.unet, dtype);
  await writeRandomNetwork(join(folder, 'vae'), 'vae', VAE, configs.vae, dtype);
  const textEncoder = join(folder, 'text_encoder');
  await writeRandomNetwork(textEncoder, 'text_encoder', CLIP_TEXT, configs.textEncoder, dtype);
  await ensureFolder(join(folder, 'tokenizer'));
  for (const name of await readdir(configs.tokenizer)) {
    if (TOKENIZER_FILES.includes(name))
      await copyFile(join(configs.tokenizer, name), join(folder, 'tokenizer', name));
  }
  await writeJson(join(folder, 'scheduler', 'scheduler_config.json'), configs.scheduler);
  await writeJson(join(folder, 'model_index.json'), {
    _class_name: 'StableDiffusionPipeline',
    feature_extractor: [null, null],
    requires_safety_checker: false,
    safety_checker: [null, null],
    scheduler: ['diffusers', configs.scheduler._class_name],
    text_encoder: ['transformers', 'CLIPTextModel'],
    tokenizer: ['transformers', 'CLIPTokenizer'],
    unet: ['diffusers', 'UNet2DConditionModel'],
    vae: ['diffusers', 'AutoencoderKL'],
  });
}

const TOKENIZER_FILES = ['vocab.json', 'merges.txt', 'special_tokens_map.json', 'tokenizer_config.json'];

function writeJson(path: string, value: unknown): Promise<void> {
  return writeFileAtomic(path, `${JSON.stringify(value, undefined, 2)}\n`);
}
