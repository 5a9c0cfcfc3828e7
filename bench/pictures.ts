/** What drawing one picture takes, from the steps that were timed. */
import { type CellResult, typical, typicalSeconds } from './result.js';
import { SAMPLER_STEPS } from './sizes.js';

/** A picture of a model that drew before: text, all steps, decoder. */
export function pictureSeconds(cell: CellResult): number {
  const around = typical(cell, ({ parts }) => parts!.text! + parts!.decode!);
  return around + SAMPLER_STEPS * typicalSeconds(cell);
}

/** The first picture, in which graphs are compiled and memory is taken. */
export function firstPictureSeconds(cell: CellResult): number {
  const around = typical(
    cell,
    ({ parts, warmUpSeconds }) => parts!.textFirst! + parts!.decodeFirst! + warmUpSeconds[0]!,
  );
  return around + (SAMPLER_STEPS - 1) * typicalSeconds(cell);
}
