/** Pictures and their captions as a folder, written as this program reads it: 0001.png, 0002.png, … and metadata.jsonl. */
import { basename, join, resolve } from 'node:path';
import { type Image, writeFileAtomic, writePng } from '../formats/index.js';
import type { Picture } from '../metrics/index.js';
import { scanFolder } from '../train/index.js';

/** Writes picture i with caption i. Throws InputError where the system refuses. */
export async function writeCaptionedPictures(
  folder: string,
  images: readonly Image[],
  captions: readonly string[],
): Promise<Picture[]> {
  const pictures = captionedPictures(folder, captions);
  for (const [i, { path }] of pictures.entries()) await writePng(path, images[i]!);
  await writeCaptions(folder, pictures);
  return pictures;
}

/** The pictures of these captions, which need not be there yet. */
export function captionedPictures(folder: string, captions: readonly string[]): Picture[] {
  return captions.map((caption, i) => ({
    path: join(folder, `${String(i + 1).padStart(4, '0')}.png`),
    caption,
  }));
}

/** Writes the folder's metadata.jsonl. Throws InputError where the system refuses. */
export async function writeCaptions(folder: string, pictures: readonly Picture[]): Promise<void> {
  const lines = pictures.map(({ path, caption }) =>
    JSON.stringify({ file_name: basename(path), text: caption }),
  );
  await writeFileAtomic(join(folder, 'metadata.jsonl'), `${lines.join('\n')}\n`);
}

/** The pictures of a folder, with captions where it has some. Throws InputError where it has no pictures. */
export async function picturesOf(folder: string): Promise<Picture[]> {
  const { pairs } = await scanFolder(resolve(folder), { captioned: false });
  return pairs.map(({ path, caption }) => ({ path, caption }));
}
