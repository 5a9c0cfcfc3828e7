/** Making pictures from texts. */
export { type DenoiseOptions, type DenoiseStep, denoise, type Predict } from './denoise.js';
export { generate, toImages } from './generate.js';
export type { GenerateOptions, GenerateStep } from './options.js';
