/** The base model with what trainings learned. */
import { basename, extname } from 'node:path';
import { InputError } from '../../errors.js';
import { LEARNED_TOKEN, readEmbedding } from '../../interop/index.js';
import { type LoadOptions, StableDiffusion } from '../../models/index.js';
import { applyAdapters } from '../../peft/index.js';
import { loadAdapters } from '../adapters.js';

/**
 * Adapters at the same scale, one learned token, or one whole model, as the results of the trainings are. Throws InputError
 * where a result cannot be scaled or joined with others.
 */
export async function openTrained(
  base: string,
  results: readonly string[],
  { scale, ...loading }: LoadOptions & { scale: number },
): Promise<StableDiffusion> {
  const [first] = results;
  if (first !== undefined && extname(first) === '')
    return StableDiffusion.load(alone(results, scale), loading);
  if (first !== undefined && basename(first) === LEARNED_TOKEN) {
    return StableDiffusion.load(base, {
      ...loading,
      learnedTokens: [await readEmbedding(alone(results, scale))],
    });
  }
  const sd = await StableDiffusion.load(base, loading);
  applyAdapters(sd.unet, await loadAdapters(results.map((path) => ({ path, scale }))), { model: base });
  return sd;
}

function alone([path, ...more]: readonly string[], scale: number): string {
  if (more.length === 0 && scale === 1) return path!;
  throw new InputError(
    `${path} is not an adapter and applies alone and whole, got ${more.length} more and scale ${scale}; leave scales and merged out of that row`,
  );
}
