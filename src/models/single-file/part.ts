/** The weights of one network among those of a single file. */
import { InputError } from '../../errors.js';
import type { LazyTensor } from '../../formats/index.js';
import type { Weights } from '../weights.js';
import type { Shapes } from './shapes.js';
import { fromOriginal, type Place } from './stored-tensors.js';

export type Tensors = ReadonlyMap<string, LazyTensor>;

export function shapesOf(tensors: Tensors): Shapes {
  return new Map([...tensors].map(([key, { shape }]) => [key, shape]));
}

/** A network's original tensors, by keys without their common beginning. */
export class Part {
  readonly tensors: Tensors;
  readonly shapes: Shapes;

  constructor(
    private readonly path: string,
    private readonly name: string,
    private readonly prefix: string,
    all: Tensors,
  ) {
    const own = [...all].filter(([key]) => key.startsWith(prefix));
    this.tensors = new Map(own.map(([key, tensor]) => [key.slice(prefix.length), tensor]));
    this.shapes = shapesOf(this.tensors);
  }

  /**
   * The weights under diffusers' keys, which are those of `places`. Throws InputError where one is missing, or where
   * there is one more that is not `without` meaning.
   */
  restore(places: ReadonlyMap<string, Place>, without?: RegExp): Weights {
    const { path, name, prefix } = this;
    const restored = new Map<string, LazyTensor>();
    const used = new Set<string>();
    for (const [key, { key: original, form }] of places) {
      const tensor = this.tensors.get(original);
      if (tensor === undefined) {
        throw new InputError(
          `${path} lacks "${prefix}${original}" of the ${name}; check that it is complete`,
        );
      }
      restored.set(key, fromOriginal(prefix + original, form, tensor));
      used.add(original);
    }
    for (const key of this.tensors.keys()) {
      if (used.has(key) || without?.test(key)) continue;
      throw new InputError(
        `${path} has "${prefix}${key}", which the ${name} of Stable Diffusion lacks; take a Stable Diffusion 1, 2 or XL file`,
      );
    }
    return { place: `${name} of ${path}`, tensors: restored, close: async () => {} };
  }
}
