/** The pictures the emoji model learns from, in memory. */
import { basename } from 'node:path';
import { readJson } from '../../src/formats/index.js';
import { ImageFolder } from '../../src/train/data/image-folder.js';

export interface Picture {
  /** Of the file, without its ending. */
  readonly name: string;
  readonly style: string;
  readonly caption: string;
  /** [3, 64, 64] in [−1, 1] */
  readonly pixels: Float32Array;
}

interface Concept {
  hexcode: string;
  caption: string;
  heldOut?: boolean;
}

/** Concepts that no downstream style set, nor the autoencoder's share of them, ever shows. */
export async function heldOutHexcodes(): Promise<Set<string>> {
  return new Set((await readConcepts()).filter(({ heldOut }) => heldOut).map(({ hexcode }) => hexcode));
}

/** The captions of all concepts, the best known first. */
export async function conceptCaptions(): Promise<string[]> {
  return (await readConcepts()).map(({ caption }) => caption);
}

async function readConcepts(): Promise<Concept[]> {
  return (await readJson('scripts/data/concepts.json')) as Concept[];
}

/** All pictures of a folder that `keep` accepts by file name without ending. */
export async function loadPictures(
  folder: string,
  style: string,
  keep: (name: string) => boolean = () => true,
): Promise<Picture[]> {
  const images = await ImageFolder.open(folder, { size: 64 });
  const pictures: Picture[] = [];
  for (const sample of images.plainSamples()) {
    const name = basename(sample.entry.path, '.png');
    if (!keep(name)) continue;
    pictures.push({ name, style, caption: sample.caption, pixels: await images.load(sample) });
  }
  return pictures;
}
