/** Learning-rate schedules: the factor on the base rate at each step. */

/** Linear warm-up to 1, then a cosine to 0 at the last step (as diffusers' get_cosine_schedule_with_warmup). */
export function cosineSchedule(steps: number, warmup = 0): (step: number) => number {
  return (step) => {
    if (step < warmup) return step / Math.max(1, warmup);
    const progress = (step - warmup) / Math.max(1, steps - warmup);
    return Math.max(0, 0.5 * (1 + Math.cos(Math.PI * progress)));
  };
}

/** Linear warm-up to 1, then constant. */
export function constantSchedule(warmup = 0): (step: number) => number {
  return (step) => Math.min(1, (step + 1) / Math.max(1, warmup));
}
