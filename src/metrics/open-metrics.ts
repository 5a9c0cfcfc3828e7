/** The models that measure pictures, and the metrics that each gives. */
import type { RuntimeOptions } from '../runtime/index.js';
import { bvqaMetric } from './bvqa-metric.js';
import { clipMetrics } from './clip-metrics.js';
import { inceptionSpace } from './inception-encoder.js';
import type { Metric } from './metric.js';
import type { PictureResize } from './picture-resize.js';
import { setDistances } from './set-distances.js';

/** Where the models are; those that are not given measure nothing. */
export interface MetricModels {
  /** Weights of FID's Inception. */
  readonly inception?: string | undefined;
  /** A CLIP folder. */
  readonly clip?: string | undefined;
  /** A folder of BLIP for questions. */
  readonly blip?: string | undefined;
  /** How pictures come to Inception and CLIP; as they are unless said. */
  readonly resize?: PictureResize | undefined;
}

export interface OpenMetricsOptions extends RuntimeOptions {
  /** Features of pictures are kept in this folder. */
  readonly cache?: string | undefined;
}

/** A metric for each model that is given. Throws InputError where one cannot be read; the others are freed then. */
export async function openMetrics(
  { inception, clip, blip, resize = 'none' }: MetricModels,
  { cache, ...runtime }: OpenMetricsOptions = {},
): Promise<Metric[]> {
  const metrics: Metric[] = [];
  try {
    if (inception !== undefined) {
      const space = await inceptionSpace(inception, resize, runtime);
      metrics.push(setDistances(space, { names: { frechet: 'FID', kernel: 'KID' }, cache }));
    }
    if (clip !== undefined) metrics.push(await clipMetrics(clip, { resize, cache, ...runtime }));
    if (blip !== undefined) metrics.push(await bvqaMetric(blip, runtime));
  } catch (error) {
    for (const metric of metrics) await metric.dispose();
    throw error;
  }
  return metrics;
}
