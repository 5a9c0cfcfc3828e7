/** The base model with what trainings learned. */
import { basename, extname } from 'node:path';
import { InputError } from '../../errors.js';
import { LEARNED_TOKEN } from '../../interop/index.js';
import { StableDiffusion } from '../../models/index.js';
import { type DrawingModel, openDrawingModel } from '../drawing-model.js';

/** How models are read and run. */
export type Loading = Omit<DrawingModel, 'model' | 'adapters' | 'embeddings'>;

/**
 * Adapters at the same scale, one learned token, or one whole model, as the results of the trainings are. Throws InputError
 * where a result cannot be scaled or joined with others.
 */
export async function openTrained(
  base: string,
  results: readonly string[],
  { scale, ...loading }: Loading & { scale: number },
): Promise<StableDiffusion> {
  const [first] = results;
  if (first !== undefined && extname(first) === '')
    return StableDiffusion.load(alone(results, scale), loading);
  const learned =
    first !== undefined && basename(first) === LEARNED_TOKEN
      ? { adapters: [], embeddings: [alone(results, scale)] }
      : { adapters: results.map((path) => ({ path, scale })), embeddings: [] };
  return openDrawingModel({ model: base, ...learned, ...loading });
}

function alone([path, ...more]: readonly string[], scale: number): string {
  if (more.length === 0 && scale === 1) return path!;
  throw new InputError(
    `${path} is not an adapter and applies alone and whole, got ${more.length} more and scale ${scale}; leave scales and merged out of that row`,
  );
}
