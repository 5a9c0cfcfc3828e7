/** Noise schedules and samplers on host arrays, shared by training and generation. */
export { type NoiseSchedule, noiseSchedule } from './noise-schedule.js';
export type { PredictionType } from './prediction.js';
export type { NoiseSource, Sampler, SamplerOptions, SamplerStep } from './sampler.js';
export { createSampler, SAMPLER_NAMES, type SamplerName, samplerConfig } from './samplers.js';
export { parseSchedulerConfig, type SchedulerConfig } from './scheduler-config.js';
