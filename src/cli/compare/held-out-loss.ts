/** The training objective on pictures that training never showed, with noise that is the same for all. */
import { InputError } from '../../errors.js';
import type { StableDiffusion } from '../../models/index.js';
import { denoisingLosses } from '../../report/index.js';
import { ImageFolder } from '../../train/index.js';
import type { PictureSet } from './experiment.js';
import type { CellMeasurement } from './metrics.js';

export async function heldOutLoss(
  sd: StableDiffusion,
  set: PictureSet,
  size: number,
): Promise<CellMeasurement> {
  const { prefix, suffix } = set;
  const folder = await ImageFolder.open(heldOutOf(set), { size, prefix, suffix });
  const losses = await denoisingLosses(sd, folder, folder.plainSamples());
  const value = losses.reduce((sum, loss) => sum + loss, 0) / losses.length;
  return { name: 'held-out loss', value, better: 'lower', details: { pictures: losses.length } };
}

/** Throws InputError where the set has none. */
export function heldOutOf(set: PictureSet): string {
  const folder = set['held-out'];
  if (folder !== undefined) return folder;
  throw new InputError(
    `the set "${set.name}" has no held-out pictures; add held-out: <folder>, or prompts to draw`,
  );
}
