/** Shapes of weights by original key, without the component's prefix: what configurations are read off. */
import type { Shape } from '../../graph/index.js';

export type Shapes = ReadonlyMap<string, Shape>;

/** Of every published model. */
const NORM_GROUPS = 32;

/** Groups of normalization that published models have, or the most below that divide all widths. */
export function normGroups(widths: readonly number[]): number {
  let groups = NORM_GROUPS;
  while (widths.some((width) => width % groups !== 0)) groups /= 2;
  return Math.max(1, groups);
}

/** Counts names such as `down.0.`, `down.1.`, … that begin some key. */
export function countNumbered(shapes: Shapes, prefix: string): number {
  const keys = [...shapes.keys()];
  let count = 0;
  while (keys.some((key) => key.startsWith(`${prefix}${count}.`))) count++;
  return count;
}
