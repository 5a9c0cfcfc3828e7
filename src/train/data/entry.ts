/** Pictures of a folder, as they are found in it. */
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { relative } from 'node:path';
import { InputError } from '../../errors.js';
import { fileError } from '../../formats/files.js';
import { decodeImage } from '../../formats/images.js';
import type { Pair } from './scan.js';

/** A picture of the folder. */
export interface Entry {
  /** Absolute path. */
  readonly path: string;
  /** As written in the folder, without prefix and suffix. */
  readonly caption: string;
  /** SHA-256 of the file's bytes, hexadecimal. */
  readonly contentHash: string;
  readonly width: number;
  readonly height: number;
  /** How often an epoch shows it. */
  readonly repeats: number;
}

/** Reads the picture of a pair; an InputError where it cannot be read. */
export async function openEntry({ path, caption, repeats, place }: Pair): Promise<Entry | InputError> {
  try {
    const bytes = await readFile(path);
    const { width, height } = await decodeImage(bytes, path);
    const contentHash = createHash('sha256').update(bytes).digest('hex');
    return { path, caption, contentHash, width, height, repeats };
  } catch (error) {
    const told = fileError('read', path, error);
    if (!(told instanceof InputError)) throw told;
    return place ? new InputError(`${told.message} (named in ${place})`, { cause: error }) : told;
  }
}

/** Pixels a side of pictures that are all squares of one size. Throws InputError where they are not. */
export function commonSize(root: string, entries: readonly Entry[]): number {
  const side = entries[0]!.width;
  const other = entries.find((entry) => entry.width !== side || entry.height !== side);
  if (other === undefined) return side;
  throw new InputError(
    `expected a size, since the pictures of ${root} are not squares of one size ` +
      `(${relative(root, other.path)} has ${other.width}×${other.height} pixels); give one such as 512`,
  );
}
