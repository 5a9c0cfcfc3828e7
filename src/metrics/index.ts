/** How good pictures are: CLIP's measures, distances between sets of pictures, and the index that joins two metrics. */
export { ClipEncoder, unitRows } from './clip-encoder.js';
export { clipI, clipLogits, clipScore, clipT, clipText, officialResize, pairById } from './clip-score.js';
export { frechetDistance } from './frechet-distance.js';
export { type GroupMetric, harmonyIndex } from './harmony.js';
export { INCEPTION_BATCH, InceptionEncoder } from './inception-encoder.js';
export { type KernelDistance, kernelDistance, squaredDiscrepancy, subset } from './kernel-distance.js';
