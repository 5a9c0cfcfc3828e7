/** The metric of how far generated pictures are from real ones as sets: Fréchet and kernel distance in a feature space. */
import { InputError } from '../errors.js';
import type { Dense } from '../linalg/index.js';
import { type FeatureSpace, featuresOf } from './feature-space.js';
import { frechetDistance } from './frechet-distance.js';
import { kernelDistance } from './kernel-distance.js';
import { lacking, type MeasureName, measurement } from './measures.js';
import type { Measurement, Metric } from './metric.js';

export interface DistanceNames {
  readonly frechet: MeasureName;
  readonly kernel: MeasureName;
}

export interface SetDistanceOptions {
  /** What the two numbers are called. */
  readonly names: DistanceNames;
  readonly cache?: string | undefined;
}

export function setDistances(space: FeatureSpace, { names, cache }: SetDistanceOptions): Metric {
  return {
    pictures: ({ real, generated }) => real.length + generated.length,
    async measure(sets, onPicture) {
      const lack = lacking(names.frechet, sets);
      if (lack !== undefined) throw new InputError(`${names.frechet} needs ${lack}; add some`);
      const real = await featuresOf(space, sets.real, { cache, onPicture });
      const generated = await featuresOf(space, sets.generated, { cache, onPicture });
      return featureDistances(real, generated, names);
    },
    dispose: () => space.dispose(),
  };
}

/**
 * Both distances between features [N, d] and [M, d], with the counts they depend on: the Fréchet distance of small sets is too
 * large, the more so the smaller they are.
 */
export async function featureDistances(
  real: Dense,
  generated: Dense,
  { frechet, kernel }: DistanceNames,
  model?: string,
): Promise<Measurement[]> {
  const counts = { real: real.rows, generated: generated.rows };
  const { mean, standardDeviation, subsets, size } = await kernelDistance(real, generated);
  const kernelDetails = {
    ...counts,
    subsets,
    'subset size': size,
    ...(subsets > 1 ? { 'standard deviation': standardDeviation } : {}),
  };
  return [
    measurement(frechet, await frechetDistance(real, generated), counts, model),
    measurement(kernel, mean, kernelDetails, model),
  ];
}
