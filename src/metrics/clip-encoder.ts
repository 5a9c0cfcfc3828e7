/** CLIP as a measure: pictures and texts as points on the unit sphere, from a checkpoint folder of transformers. */
import { ClipTokenizer, type Image } from '../formats/index.js';
import {
  CLIP,
  type ClipConfig,
  clipImageFeatures,
  clipTextFeatures,
  ImageProcessor,
  loadNetwork,
  pooledRows,
  SessionCache,
} from '../models/index.js';
import type { Network } from '../nn/index.js';
import type { RuntimeOptions } from '../runtime/index.js';
import { concatenate, type Tensor, tensor, tensorOf } from '../tensor/index.js';

export class ClipEncoder {
  private readonly sessions: SessionCache;

  private constructor(
    readonly network: Network<ClipConfig>,
    readonly tokenizer: ClipTokenizer,
    readonly processor: ImageProcessor,
    runtime: RuntimeOptions,
  ) {
    this.sessions = new SessionCache(runtime);
  }

  /**
   * Reads a folder as save_pretrained of CLIPModel and CLIPProcessor writes it: config.json, weights, the tokenizer's files
   * and preprocessor_config.json. Throws InputError where something is missing or not supported.
   */
  static async load(folder: string, runtime: RuntimeOptions = {}): Promise<ClipEncoder> {
    const network = await loadNetwork(folder, 'clip', CLIP);
    const tokenizer = await ClipTokenizer.load(folder);
    return new ClipEncoder(network, tokenizer, await ImageProcessor.load(folder), runtime);
  }

  /** exp(logit_scale): what transformers multiplies cosines by, close to 100 in published models. */
  get scale(): number {
    return Math.exp(this.network.parameters.get('logit_scale')!.data[0]!);
  }

  /** Unit vectors [N, P] of texts, each cut to the tokenizer's length. */
  async encodeTexts(texts: readonly string[]): Promise<Tensor<'float32'>> {
    const rows: Tensor<'float32'>[] = [];
    for (const text of texts) rows.push(await this.encodeIds(this.tokenizer.encode(text)));
    return concatenate(rows);
  }

  /** The unit vector [1, P] of a text's ids, those of begin and end among them. */
  async encodeIds(ids: readonly number[]): Promise<Tensor<'float32'>> {
    const inputIds = tensorOf('int32', [1, ids.length], Int32Array.from(ids));
    const { config } = this.network;
    const inputs = { inputIds, rows: pooledRows(config.text_config, inputIds) };
    const found = await this.sessions.run(this.network, 'text', inputs, (scope, values) => ({
      features: clipTextFeatures(scope, config, values.inputIds, values.rows),
    }));
    return unitRows(found.get('features')!);
  }

  /** Unit vectors [N, P] of pictures of any size. */
  async encodeImages(images: readonly Image[]): Promise<Tensor<'float32'>> {
    const rows: Tensor<'float32'>[] = [];
    for (const image of images) rows.push(await this.imageFeatures(this.processor.process(image)));
    return unitRows(concatenate(rows));
  }

  /** Features [N, P], not of length 1, of pixels [N, 3, S, S] as the processor makes them. */
  async imageFeatures(pixels: Tensor<'float32'>): Promise<Tensor<'float32'>> {
    const { config } = this.network;
    const found = await this.sessions.run(this.network, 'image', { pixels }, (scope, values) => ({
      features: clipImageFeatures(scope, config, values.pixels),
    }));
    return found.get('features')!;
  }

  /** Frees what is compiled. */
  dispose(): Promise<void> {
    return this.sessions.dispose();
  }
}

/** Each row [N, P] divided by its length. */
export function unitRows({ shape, data }: Tensor<'float32'>): Tensor<'float32'> {
  const width = shape[1]!;
  const out = new Float32Array(data.length);
  for (let start = 0; start < data.length; start += width) {
    const row = data.subarray(start, start + width);
    const length = Math.sqrt(row.reduce((sum, value) => sum + value * value, 0));
    out.set(
      row.map((value) => value / length),
      start,
    );
  }
  return tensor(shape, out);
}
