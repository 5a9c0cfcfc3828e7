/** A model's files together with adapters on its UNet: what every export reads from, a weight at a time. */
import {
  type OpenModelOptions,
  openModel,
  type SaveDType,
  type UNetConfig,
  writeModel,
} from '../models/index.js';
import { type ModelFiles, NETWORK_KINDS } from '../models/model-files.js';
import { readWeight } from '../models/weights.js';
import { AdaptedWeights, type AdapterUse, type WeightSource } from '../peft/index.js';
import { saveComfyPatch } from './comfyui.js';
import { extractLora, type Lora, type LoraOptions } from './lora.js';
import { type LoraNames, saveLora } from './lora-file.js';

export class AdaptedModel {
  private constructor(
    private readonly files: ModelFiles,
    private readonly weights: AdaptedWeights,
    private readonly config: UNetConfig,
  ) {}

  /**
   * Opens a model folder or a single file. Throws InputError where it is broken, or its UNet is not the one that the
   * adapters were made from.
   */
  static async open(
    path: string,
    uses: readonly AdapterUse[],
    options: OpenModelOptions = {},
  ): Promise<AdaptedModel> {
    const files = await openModel(path, options);
    try {
      const config = NETWORK_KINDS.unet.parseConfig(files.networks.get('unet')!.json);
      const weights = await AdaptedWeights.open(unetSource(files), uses, { model: path });
      return new AdaptedModel(files, weights, config);
    } catch (error) {
      await files.close();
      throw error;
    }
  }

  /** What was guessed of the model because no file says it, for the user: sentences. */
  get conclusions(): readonly string[] {
    return this.files.conclusions;
  }

  /**
   * Writes the whole model with the adapters in its weights: a single file where the path ends in .safetensors, else a
   * diffusers folder. Throws InputError where something is there already, a weight does not fit into the precision, or
   * the operating system refuses.
   */
  async saveCheckpoint(path: string, { dtype }: { dtype: SaveDType }): Promise<void> {
    const { json, weights } = this.files.networks.get('unet')!;
    const tensors = new Map(weights.tensors);
    for (const key of this.weights.changed) {
      const { shape } = tensors.get(key)!;
      tensors.set(key, { dtype: 'float32', shape, load: () => this.weights.weight(key) });
    }
    const networks = new Map(this.files.networks).set('unet', { json, weights: { ...weights, tensors } });
    await writeModel(path, { ...this.files, networks }, { dtype });
  }

  /** Writes the changes for ComfyUI's LoRA loader; gives how many tensors there are. Throws InputError like the others. */
  saveComfyPatch(path: string, { dtype }: { dtype: 'float16' | 'float32' }): Promise<number> {
    return saveComfyPatch(path, this.weights, this.config, dtype);
  }

  /** Writes a LoRA that does nearly the same, and tells how nearly. Throws InputError like the others. */
  async saveLora(path: string, { names, ...options }: LoraOptions & { names: LoraNames }): Promise<Lora> {
    const lora = await extractLora(this.weights, options);
    const { prediction_type } = this.files.scheduler;
    const predictionType = typeof prediction_type === 'string' ? prediction_type : undefined;
    await saveLora(path, lora, { config: this.config, predictionType }, names);
    return lora;
  }

  async close(): Promise<void> {
    await this.files.close();
  }
}

function unetSource({ networks }: ModelFiles): WeightSource {
  const { weights } = networks.get('unet')!;
  return {
    name: 'unet',
    shapes: new Map([...weights.tensors].map(([key, { shape }]) => [key, shape])),
    read: (key) => readWeight(weights, key),
  };
}
