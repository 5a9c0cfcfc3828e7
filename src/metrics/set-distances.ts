/** The metric of how far generated pictures are from real ones as sets: Fréchet and kernel distance in a feature space. */
import { InputError } from '../errors.js';
import { type FeatureSpace, featuresOf } from './feature-space.js';
import { frechetDistance } from './frechet-distance.js';
import { kernelDistance } from './kernel-distance.js';
import type { Metric } from './metric.js';

export interface SetDistanceOptions {
  /** What the two numbers are called. */
  readonly names: { readonly frechet: string; readonly kernel: string };
  readonly cache?: string | undefined;
}

/** Both distances with the counts they depend on: the Fréchet distance of small sets is too large, the more so the smaller they are. */
export function setDistances(space: FeatureSpace, { names, cache }: SetDistanceOptions): Metric {
  return {
    pictures: ({ real, generated }) => real.length + generated.length,
    async measure({ real, generated }, onPicture) {
      for (const [name, { length }] of [['real', real] as const, ['generated', generated] as const]) {
        if (length < 2) {
          throw new InputError(
            `expected at least 2 ${name} pictures for ${names.frechet}, got ${length}; add some`,
          );
        }
      }
      const first = await featuresOf(space, real, { cache, onPicture });
      const second = await featuresOf(space, generated, { cache, onPicture });
      const counts = { real: real.length, generated: generated.length };
      const kernel = await kernelDistance(first, second);
      const { mean, standardDeviation, subsets, size } = kernel;
      return [
        {
          name: names.frechet,
          value: await frechetDistance(first, second),
          better: 'lower',
          details: counts,
        },
        {
          name: names.kernel,
          value: mean,
          better: 'lower',
          details: {
            ...counts,
            subsets,
            'subset size': size,
            ...(subsets > 1 ? { 'standard deviation': standardDeviation } : {}),
          },
        },
      ];
    },
    dispose: () => space.dispose(),
  };
}
