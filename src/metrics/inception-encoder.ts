/** Inception as a measure: pictures as the 2048 features that FID and KID compare. */
import { type Image, sha256OfFile } from '../formats/index.js';
import type { Dense } from '../linalg/index.js';
import {
  INCEPTION_SIDE,
  type InceptionFeatures,
  inceptionPixels,
  inceptionV3,
  loadInception,
  SessionCache,
} from '../models/index.js';
import type { Network } from '../nn/index.js';
import type { RuntimeOptions } from '../runtime/index.js';
import { type Tensor, tensor } from '../tensor/index.js';
import { officialResize } from './clip-score.js';
import type { FeatureSpace } from './feature-space.js';
import type { PictureResize } from './picture-resize.js';

/** Pictures in one run: the weights are scaled once for all of them. */
const BATCH = 8;

export class InceptionEncoder {
  private readonly sessions: SessionCache;

  constructor(
    readonly network: Network<undefined>,
    runtime: RuntimeOptions = {},
  ) {
    this.sessions = new SessionCache(runtime);
  }

  /** Reads the weights of torch-fidelity or pytorch-fid. Throws InputError where they are broken or another network's. */
  static async load(path: string, runtime: RuntimeOptions = {}): Promise<InceptionEncoder> {
    return new InceptionEncoder(await loadInception(path), runtime);
  }

  /** Features [N, 2048] of pictures of any size. */
  async encodeImages(images: readonly Image[]): Promise<Dense> {
    const found = await this.layers(images, ['2048']);
    const { shape, data } = found.get('2048')!;
    return { rows: shape[0]!, columns: shape[1]!, data: Float64Array.from(data) };
  }

  /** The layers asked for, each [N, C]. */
  async layers(
    images: readonly Image[],
    names: readonly (keyof InceptionFeatures)[],
  ): Promise<Map<string, Tensor<'float32'>>> {
    const size = 3 * INCEPTION_SIDE ** 2;
    const pixels = new Float32Array(images.length * size);
    images.forEach((image, i) => {
      pixels.set(inceptionPixels(image, INCEPTION_SIDE), i * size);
    });
    const image = tensor([images.length, 3, INCEPTION_SIDE, INCEPTION_SIDE], pixels);
    return this.sessions.run(this.network, names.join(), { image }, (scope, inputs) => {
      const all = inceptionV3(scope, inputs.image);
      return Object.fromEntries(names.map((name) => [name, all[name]]));
    });
  }

  /** Frees what is compiled. */
  dispose(): Promise<void> {
    return this.sessions.dispose();
  }
}

/** The space of FID and KID, with the weights of a file. Throws InputError as `InceptionEncoder.load` does. */
export async function inceptionSpace(
  path: string,
  resize: PictureResize,
  runtime: RuntimeOptions = {},
): Promise<FeatureSpace> {
  const encoder = await InceptionEncoder.load(path, runtime);
  return {
    identity: `inception ${await sha256OfFile(path)} resize ${resize}`,
    batch: BATCH,
    encode: (images) => encoder.encodeImages(resize === 'official' ? images.map(officialResize) : images),
    dispose: () => encoder.dispose(),
  };
}
