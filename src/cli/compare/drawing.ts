/** What a cell draws: the same prompts with the same noise in every cell of a set and a seed. */
import { resolve } from 'node:path';
import { generate } from '../../generate/index.js';
import type { Picture } from '../../metrics/index.js';
import type { StableDiffusion } from '../../models/index.js';
import { scanFolder } from '../../train/index.js';
import { writeCaptionedPictures } from '../captioned-pictures.js';
import type { Drawing, PictureSet, Row } from './experiment.js';
import { heldOutOf } from './held-out-loss.js';
import { named, subjectNames } from './subject.js';

export interface Prompt {
  /** What is drawn. */
  readonly prompt: string;
  /** What the picture is measured against: without words that only the trained model knows. */
  readonly caption: string;
}

/** The set's own prompts, or the first captions of its held-out pictures. */
export async function promptsOf(set: PictureSet, row: Row, drawing: Drawing): Promise<Prompt[]> {
  const texts = set.prompts ?? (await heldOutCaptions(set));
  const names = subjectNames(set, row);
  return texts.slice(0, drawing.prompts).map((text) => ({
    prompt: named(text, names),
    caption: named(text, { ...names, subject: names.class }),
  }));
}

async function heldOutCaptions(set: PictureSet): Promise<string[]> {
  const { pairs } = await scanFolder(resolve(heldOutOf(set)));
  return pairs.map(({ caption }) => `${set.prefix}${caption}${set.suffix}`);
}

/** Draws into a folder of captioned pictures, `drawing.count` of each prompt. */
export async function draw(
  sd: StableDiffusion,
  prompts: readonly Prompt[],
  options: Omit<Drawing, 'prompts'> & { folder: string; seed: number; size: number },
): Promise<Picture[]> {
  const { folder, seed, count, steps, guidance, size } = options;
  const all = Array.from({ length: count }, () => prompts).flat();
  const prompt = all.map(({ prompt }) => prompt);
  const images = await generate(sd, { prompt, steps, guidance, seed, width: size, height: size });
  return writeCaptionedPictures(
    folder,
    images,
    all.map(({ caption }) => caption),
  );
}
