/** What the emoji CLIP learns from: every concept that all styles share, with captions, tags and the name of its style. */
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { readJson } from '../../src/formats/index.js';
import { STYLES } from '../data/styles.js';
import { loadPictures, type Picture } from './pictures.js';

export interface CaptionedPicture extends Picture {
  /** Emojibase's label, and this project's caption where it has one. */
  readonly captions: readonly string[];
  readonly tags: readonly string[];
}

/** OpenMoji is left out: its licence asks for the same licence. */
const FOLDERS = ['noto', 'twemoji', 'fluent-3d', 'fluent-flat'];
/** One concept in this many is held out. */
const HELD_OUT_SHARE = 10;

const concepts = (await readJson('scripts/data/concepts.json')) as { hexcode: string; caption: string }[];
const captionOf = new Map(concepts.map(({ hexcode, caption }) => [hexcode, caption]));

/** Whether a concept is held out, by a hash of its code point; never one of those that the emoji model draws. */
export function heldOutOfClip(hexcode: string): boolean {
  if (captionOf.has(hexcode)) return false;
  return createHash('sha256').update(hexcode).digest().readUInt32BE() % HELD_OUT_SHARE === 0;
}

/** All pictures of `data/all`, which `tsx scripts/data/build.ts --all` draws. */
export async function captionedPictures(): Promise<CaptionedPicture[]> {
  const all: CaptionedPicture[] = [];
  for (const { folder, name } of STYLES.filter(({ folder }) => FOLDERS.includes(folder))) {
    const path = join('data/all', folder);
    const lines = (await readFile(join(path, 'metadata.jsonl'), 'utf8')).trim().split('\n');
    const rows = lines.map((line) => JSON.parse(line) as { file_name: string; tags?: string[] });
    const tagsOf = new Map(rows.map(({ file_name, tags }) => [file_name, tags]));
    for (const picture of await loadPictures(path, name)) {
      const own = captionOf.get(picture.name);
      const captions = own ? [picture.caption, own] : [picture.caption];
      all.push({ ...picture, captions, tags: tagsOf.get(`${picture.name}.png`) ?? [] });
    }
  }
  return all;
}
