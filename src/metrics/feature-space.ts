/** Features of pictures, kept in a file where the same pictures are measured again. */
import { createHash } from 'node:crypto';
import { join } from 'node:path';
import {
  exists,
  type Image,
  readImage,
  readSafetensors,
  sha256OfFile,
  writeSafetensors,
} from '../formats/index.js';
import { type Dense, dense } from '../linalg/index.js';
import { tensor, toFloat32 } from '../tensor/index.js';
import type { Picture } from './metric.js';

/** What turns pictures into features. */
export interface FeatureSpace {
  /** Names the network, its weights and how pictures come to their size: the same for the same features only. */
  readonly identity: string;
  /** Pictures that are encoded at once. */
  readonly batch: number;
  encode(images: readonly Image[]): Promise<Dense>;
  dispose(): Promise<void>;
}

export interface FeatureOptions {
  /** Features are kept in this folder, under a name made of the pictures' and the network's content. */
  readonly cache?: string | undefined;
  /** Called for each picture; may throw to stop. */
  readonly onPicture: () => void;
}

/** Features [N, d] of the pictures, in their order. Throws InputError where a picture cannot be read. */
export async function featuresOf(
  space: FeatureSpace,
  pictures: readonly Picture[],
  { cache, onPicture }: FeatureOptions,
): Promise<Dense> {
  const file = cache === undefined ? undefined : join(cache, await fileName(space, pictures));
  if (file !== undefined && (await exists(file))) {
    const { tensors } = await readSafetensors(file);
    const stored = tensors.get('features')!;
    for (const _ of pictures) onPicture();
    return dense(stored.shape[0]!, stored.shape[1]!, toFloat32(stored));
  }
  const parts: Dense[] = [];
  for (let start = 0; start < pictures.length; start += space.batch) {
    const batch = pictures.slice(start, start + space.batch);
    parts.push(await space.encode(await Promise.all(batch.map(({ path }) => readImage(path)))));
    for (const _ of batch) onPicture();
  }
  const features = stacked(parts);
  if (file !== undefined) {
    const { rows, columns, data } = features;
    await writeSafetensors(file, { features: tensor([rows, columns], Float32Array.from(data)) });
  }
  return features;
}

/** By the content of all that the features depend on. */
async function fileName({ identity }: FeatureSpace, pictures: readonly Picture[]): Promise<string> {
  const hash = createHash('sha256').update(identity);
  for (const { path } of pictures) hash.update(await sha256OfFile(path));
  return `features-${hash.digest('hex')}.safetensors`;
}

function stacked(parts: readonly Dense[]): Dense {
  const { columns } = parts[0]!;
  const rows = parts.reduce((sum, part) => sum + part.rows, 0);
  const data = new Float64Array(rows * columns);
  let start = 0;
  for (const part of parts) {
    data.set(part.data, start);
    start += part.data.length;
  }
  return { rows, columns, data };
}
