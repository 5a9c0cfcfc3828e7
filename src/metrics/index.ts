/** How good pictures are: CLIP's and BLIP's measures, distances between sets of pictures, and the index that joins two metrics. */
export { Blip } from './blip.js';
export {
  answerLogits,
  type BvqaAnswer,
  BvqaScorer,
  bvqaQuestions,
  product,
  roundedScore,
  shareOfYes,
} from './bvqa.js';
export { bvqaMetric } from './bvqa-metric.js';
export { Captioner, greedyCaption } from './captioner.js';
export { ClipEncoder, unitRows } from './clip-encoder.js';
export { type ClipMetricsOptions, clipMetrics, isStandardClip } from './clip-metrics.js';
export { clipI, clipLogits, clipScore, clipT, clipText, officialResize, pairById } from './clip-score.js';
export { type FeatureSpace, featuresOf } from './feature-space.js';
export { frechetDistance } from './frechet-distance.js';
export { type GroupMetric, harmonyIndex } from './harmony.js';
export { InceptionEncoder, inceptionSpace } from './inception-encoder.js';
export { type KernelDistance, kernelDistance, squaredDiscrepancy, subset } from './kernel-distance.js';
export {
  allowedMeasures,
  lacking,
  MEASURES,
  type MeasureName,
  measurementLabel,
  obstacles,
} from './measures.js';
export type { Measurement, Metric, Picture, PictureSets } from './metric.js';
export { nounChunks } from './noun-chunks.js';
export { type MetricModels, type OpenMetricsOptions, openMetrics } from './open-metrics.js';
export { PICTURE_RESIZES, type PictureResize } from './picture-resize.js';
export { type SetDistanceOptions, setDistances } from './set-distances.js';
