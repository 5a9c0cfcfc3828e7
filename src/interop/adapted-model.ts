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
import { float32ToHalf, type Tensor, tensorOf } from '../tensor/index.js';
import { saveComfyPatch } from './comfyui.js';
import { extractLora, type Lora, type LoraDType, type LoraOptions } from './lora.js';
import { type LoraBase, type LoraNames, saveLora } from './lora-file.js';

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
    await saveLora(path, lora, this.loraBase, names);
    return lora;
  }

  private get loraBase(): LoraBase {
    const { prediction_type } = this.files.scheduler;
    const predictionType = typeof prediction_type === 'string' ? prediction_type : undefined;
    return { config: this.config, predictionType };
  }

  /**
   * Writes the layers of a single LoRA or DoRA adapter as they are; undefined where the adapters are something else, of
   * which a LoRA can only do nearly the same. Gives how many layers there are. Throws InputError like the others.
   */
  async saveFactors(
    path: string,
    { names, dtype }: { names: LoraNames; dtype: LoraDType },
  ): Promise<number | undefined> {
    const layers = await this.weights.factors();
    if (!layers) return undefined;
    const stored = layers.map(({ a, b, ...rest }) => ({
      ...rest,
      down: inDType(a, dtype),
      up: inDType(b, dtype),
    }));
    await saveLora(path, { layers: stored }, this.loraBase, names);
    return layers.length;
  }

  async close(): Promise<void> {
    await this.files.close();
  }
}

const inDType = (values: Tensor<'float32'>, dtype: LoraDType): Tensor =>
  dtype === 'float32' ? values : tensorOf('float16', values.shape, float32ToHalf(values.data));

function unetSource({ networks }: ModelFiles): WeightSource {
  const { weights } = networks.get('unet')!;
  return {
    name: 'unet',
    shapes: new Map([...weights.tensors].map(([key, { shape }]) => [key, shape])),
    read: (key) => readWeight(weights, key),
  };
}
