/** Pictures and their captions written as a folder that this program reads: 0001.png, 0002.png, … and metadata.jsonl. */
import { join } from 'node:path';
import { type Image, writeFileAtomic, writePng } from '../formats/index.js';
import type { Picture } from '../metrics/index.js';

/** Writes picture i with caption i. Throws InputError where the system refuses. */
export async function writeCaptionedPictures(
  folder: string,
  images: readonly Image[],
  captions: readonly string[],
): Promise<Picture[]> {
  const names = images.map((_, i) => `${String(i + 1).padStart(4, '0')}.png`);
  for (const [i, image] of images.entries()) await writePng(join(folder, names[i]!), image);
  const lines = names.map((file_name, i) => JSON.stringify({ file_name, text: captions[i] }));
  await writeFileAtomic(join(folder, 'metadata.jsonl'), `${lines.join('\n')}\n`);
  return names.map((name, i) => ({ path: join(folder, name), caption: captions[i]! }));
}
