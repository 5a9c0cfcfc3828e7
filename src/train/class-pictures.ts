/** Pictures of a subject's class for prior preservation: those of a folder, the missing ones drawn by the base model beforehand. */
import { join, resolve } from 'node:path';
import { InputError } from '../errors.js';
import { ensureFolder, exists, writePng } from '../formats/index.js';
import { generate } from '../generate/index.js';
import { type ModelFiles, readEncoders, readUNet, StableDiffusion } from '../models/index.js';
import type { TrainConfig } from './config.js';
import { ImageFolder } from './data/image-folder.js';
import { picturesIn } from './data/scan.js';

/** How class pictures are drawn, as diffusers' train_dreambooth.py does. */
const STEPS = 50;
const GUIDANCE = 7.5;

/** What a run says about its class pictures, if it has any. */
export interface ClassPictures {
  /** Absolute path. */
  readonly folder: string;
  readonly prompt: string;
  /** How many the folder lacks. */
  readonly missing: number;
}

/** Throws InputError where the settings do not go together, or the folder cannot be read. */
export async function classPictures(config: TrainConfig): Promise<ClassPictures | undefined> {
  const { classPrompt: prompt, classData, classImages } = config;
  if (prompt === undefined && classData === undefined) return undefined;
  if (prompt === undefined || classData === undefined) {
    throw new InputError(
      `prior preservation needs both a class prompt and a folder for class pictures, got only ${prompt === undefined ? '--class-data' : '--class-prompt'}; give both`,
    );
  }
  const folder = resolve(classData);
  const present = (await exists(folder)) ? (await picturesIn(folder)).length : 0;
  return { folder, prompt, missing: Math.max(0, classImages - present) };
}

/**
 * Draws the missing pictures, each from a seed of its own, so that those drawn after an interruption are the same. False
 * where it was asked to stop.
 */
export async function drawClassPictures(
  { folder, prompt, missing }: ClassPictures,
  config: TrainConfig,
  { model, size }: { model: ModelFiles; size: number },
  on: { onPicture: (done: number, total: number) => void; stopRequested: () => boolean },
): Promise<boolean> {
  if (missing === 0) return true;
  await ensureFolder(folder);
  const { device, threads, seed, weightDtype } = config;
  const parts = { ...(await readEncoders(model)), unet: await readUNet(model, weightDtype) };
  const sd = new StableDiffusion({ ...parts, schedulerConfig: model.scheduler }, { device, threads });
  try {
    for (let done = 0, number = 0; done < missing; number++) {
      const path = join(folder, `class-${String(number).padStart(4, '0')}.png`);
      if (await exists(path)) continue;
      if (on.stopRequested()) return false;
      const options = { prompt, steps: STEPS, guidance: GUIDANCE, seed: seed + number };
      const [image] = await generate(sd, { ...options, width: size, height: size });
      await writePng(path, image!);
      on.onPicture(++done, missing);
    }
    return true;
  } finally {
    await sd.dispose();
  }
}

/** The class pictures as training data, all with the class prompt. */
export function openClassPictures(
  { folder, prompt }: ClassPictures,
  { crop, flip, skipBroken }: TrainConfig,
  size: number,
): Promise<ImageFolder> {
  return ImageFolder.open(folder, { captions: [prompt], size, crop, flip, skipBroken });
}
