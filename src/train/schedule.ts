/** Learning-rate schedules, as diffusers' optimization.py has them: the factor on the base rate at each step. */

export const SCHEDULES = ['cosine', 'constant'] as const;

/** Linear warm-up from 0 to 1, then a cosine to 0 at the last step. */
export function cosineSchedule(steps: number, warmup = 0): (step: number) => number {
  return (step) => {
    if (step < warmup) return step / Math.max(1, warmup);
    const progress = (step - warmup) / Math.max(1, steps - warmup);
    return Math.max(0, 0.5 * (1 + Math.cos(Math.PI * progress)));
  };
}

/** Linear warm-up from 0 to 1, then constant. */
export function constantSchedule(warmup = 0): (step: number) => number {
  return (step) => (step < warmup ? step / warmup : 1);
}
