/** What the two BLIPs have in common: a checkpoint folder of transformers, and pictures as states to look at. */
import { InputError } from '../errors.js';
import { BertTokenizer, type Image } from '../formats/index.js';
import {
  type BlipConfig,
  blipDecoderLogits,
  blipImageStates,
  ImageProcessor,
  loadNetwork,
  type NetworkKind,
  SessionCache,
} from '../models/index.js';
import type { Network } from '../nn/index.js';
import type { RuntimeOptions } from '../runtime/index.js';
import { type Tensor, tensorOf } from '../tensor/index.js';

export class Blip {
  readonly sessions: SessionCache;

  constructor(
    readonly network: Network<BlipConfig>,
    runtime: RuntimeOptions = {},
  ) {
    this.sessions = new SessionCache(runtime);
  }

  get config(): BlipConfig {
    return this.network.config;
  }

  /** States [1, S, D] of pixels [1, 3, H, W]. Throws InputError where they have another size than the model's. */
  async imageStates(pixels: Tensor<'float32'>): Promise<Tensor<'float32'>> {
    const { image_size: side } = this.config.vision_config;
    const [, , height, width] = pixels.shape;
    if (height !== side || width !== side)
      throw new InputError(
        `expected pictures of ${side}×${side} pixels for this BLIP, but its preprocessor_config.json makes ${width}×${height}; take the files of one model`,
      );
    const found = await this.sessions.run(this.network, 'image', { pixels }, (scope, values) => ({
      states: blipImageStates(scope, this.config, values.pixels),
    }));
    return found.get('states')!;
  }

  /** Logits [vocabulary] of the token after place `row` of a text that is written while looking at states [1, S, D]. */
  async nextLogits(ids: readonly number[], states: Tensor<'float32'>, row: number): Promise<Float32Array> {
    const inputs = { ids: idsTensor(ids), states, rows: tensorOf('int32', [1], Int32Array.of(row)) };
    const found = await this.sessions.run(this.network, 'decode', inputs, (scope, values) => ({
      logits: blipDecoderLogits(scope, this.config, values.ids, values.states, values.rows),
    }));
    return found.get('logits')!.data;
  }
}

/** Token ids as a batch of one text, int32 [1, T]. */
export function idsTensor(ids: readonly number[]): Tensor<'int32'> {
  return tensorOf('int32', [1, ids.length], Int32Array.from(ids));
}

/** A checkpoint folder as save_pretrained of a BLIP and its BlipProcessor writes it. */
export interface BlipFolder {
  readonly blip: Blip;
  readonly tokenizer: BertTokenizer;
  pixels(image: Image): Tensor<'float32'>;
}

/** Throws InputError where something is missing or not supported. */
export async function loadBlip(
  folder: string,
  kind: NetworkKind<BlipConfig>,
  runtime?: RuntimeOptions,
): Promise<BlipFolder> {
  const processor = await ImageProcessor.load(folder);
  const tokenizer = await BertTokenizer.load(folder);
  const blip = new Blip(await loadNetwork(folder, 'blip', kind), runtime);
  return { blip, tokenizer, pixels: (image) => processor.process(image) };
}
