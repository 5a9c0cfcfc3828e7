/** The metric of all that CLIP says of generated pictures: do they fit their captions, and are they like the real ones? */
import { createHash } from 'node:crypto';
import { basename, join, resolve } from 'node:path';
import { sha256OfFile } from '../formats/index.js';
import { type Dense, dense } from '../linalg/index.js';
import type { ClipConfig } from '../models/index.js';
import { fingerprint } from '../peft/index.js';
import type { RuntimeOptions } from '../runtime/index.js';
import { concatenate, type Tensor, tensor } from '../tensor/index.js';
import { ClipEncoder } from './clip-encoder.js';
import { clipI, clipScore, clipT, officialResize } from './clip-score.js';
import { type FeatureSpace, featuresOf } from './feature-space.js';
import { allowedMeasures, measurement } from './measures.js';
import type { Measurement, Metric, Picture } from './metric.js';
import type { PictureResize } from './picture-resize.js';
import { featureDistances } from './set-distances.js';

export interface ClipMetricsOptions extends RuntimeOptions {
  readonly resize?: PictureResize | undefined;
  /** Pictures' features are kept in this folder. */
  readonly cache?: string | undefined;
}

const DISTANCES = { frechet: 'CLIP Fréchet distance', kernel: 'CLIP kernel distance' } as const;

/**
 * CLIP score, CLIP-T, CLIP-I and the distances between sets of image features, of a checkpoint folder; each picture is encoded
 * once. What the sets do not allow is left out. Throws InputError as `ClipEncoder.load` does.
 */
export async function clipMetrics(
  folder: string,
  { resize = 'none', cache, ...runtime }: ClipMetricsOptions = {},
): Promise<Metric> {
  const encoder = await ClipEncoder.load(folder, runtime);
  const space = await imageSpace(encoder, folder, resize);
  const model = basename(resolve(folder));
  const shown = isStandardClip(encoder.network.config) ? undefined : model;
  return {
    pictures: (sets) => sets.generated.length + sets.real.length,
    async measure(sets, onPicture) {
      const allowed = allowedMeasures('clip', sets);
      const generated = await featuresOf(space, sets.generated, { cache, onPicture });
      const found: Measurement[] = [];
      if (allowed.has('CLIP score')) {
        const images = rowsOf(generated);
        const texts = await captionRows(encoder, sets.generated);
        const counts = { generated: generated.rows };
        found.push(measurement('CLIP score', clipScore(images, texts, encoder.scale), counts, shown));
        found.push(measurement('CLIP-T', clipT(images, texts), counts, shown));
      }
      if (allowed.has('CLIP-I')) {
        const real = await featuresOf(space, sets.real, { cache, onPicture });
        const counts = { real: real.rows, generated: generated.rows };
        found.push(measurement('CLIP-I', clipI(rowsOf(generated), rowsOf(real)), counts, shown));
        if (allowed.has(DISTANCES.frechet))
          found.push(...(await featureDistances(real, generated, DISTANCES, model)));
      }
      return found;
    },
    dispose: () => encoder.dispose(),
  };
}

/**
 * Is this the shape of OpenAI's ViT-L/14, whose numbers alone are called CLIP score, CLIP-I and CLIP-T without more? That of
 * Fréchet and kernel distances is Inception, so those always name their CLIP.
 */
export function isStandardClip({ projection_dim, vision_config }: ClipConfig): boolean {
  const { hidden_size, num_hidden_layers, patch_size, image_size, hidden_act } = vision_config;
  const layers = hidden_size === 1024 && num_hidden_layers === 24 && hidden_act === 'quick_gelu';
  return layers && patch_size === 14 && image_size === 224 && projection_dim === 768;
}

/** CLIP's unit vectors of pictures. */
async function imageSpace(
  encoder: ClipEncoder,
  folder: string,
  resize: PictureResize,
): Promise<FeatureSpace> {
  const { network } = encoder;
  const processor = await sha256OfFile(join(folder, 'preprocessor_config.json'));
  const config = createHash('sha256').update(JSON.stringify(network.config)).digest('hex');
  return {
    identity: `clip ${fingerprint(network)} config ${config} processor ${processor} resize ${resize}`,
    batch: 1,
    async encode(images) {
      const resized = resize === 'official' ? images.map(officialResize) : images;
      const { shape, data } = await encoder.encodeImages(resized);
      return dense(shape[0]!, shape[1]!, data);
    },
    dispose: () => encoder.dispose(),
  };
}

/** The unit vectors [N, P] of the pictures' captions; each different caption is encoded once. */
async function captionRows(encoder: ClipEncoder, pictures: readonly Picture[]): Promise<Tensor<'float32'>> {
  const encoded = new Map<string, Tensor<'float32'>>();
  for (const { caption } of pictures) {
    if (!encoded.has(caption)) encoded.set(caption, await encoder.encodeTexts([caption]));
  }
  return concatenate(pictures.map(({ caption }) => encoded.get(caption)!));
}

function rowsOf({ rows, columns, data }: Dense): Tensor<'float32'> {
  return tensor([rows, columns], Float32Array.from(data));
}
