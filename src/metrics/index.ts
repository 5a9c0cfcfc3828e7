/** Measures of generated pictures: CLIP's. */
export { ClipEncoder, unitRows } from './clip-encoder.js';
export { clipI, clipLogits, clipScore, clipT, clipText, officialResize, pairById } from './clip-score.js';
