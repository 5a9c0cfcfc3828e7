/** clip_sample of DDPM and DDIM: keeps predicted pictures in range. On by default, off in every latent model. */
import { choiceOf, numberOf, requireValues, type SchedulerConfig } from './scheduler-config.js';

/** Clamps x₀ to ±clip_sample_range where the configuration asks for it. */
export function clipSample(config: SchedulerConfig): (x0: Float32Array) => Float32Array {
  requireValues(config, { thresholding: false });
  if (!choiceOf(config, 'clip_sample', [true, false])) return (x0) => x0;
  const range = numberOf(config, 'clip_sample_range', 1);
  return (x0) => x0.map((x) => Math.min(Math.max(x, -range), range));
}
