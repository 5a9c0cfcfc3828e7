/** Warm-up, then timed steps. */
import type { Size } from './sizes.js';

export interface Timing {
  /** Each timed step. */
  readonly seconds: number[];
  /** From the start to the end of the warm-up: making weights, compiling, first steps. */
  readonly setUpSeconds: number;
}

export async function runSteps(
  step: () => Promise<unknown>,
  { warmUp, steps }: Pick<Size, 'warmUp' | 'steps'>,
  started: number,
): Promise<Timing> {
  for (let i = 0; i < warmUp; i++) await step();
  const setUpSeconds = (performance.now() - started) / 1000;
  const seconds: number[] = [];
  for (let i = 0; i < steps; i++) {
    const before = performance.now();
    await step();
    seconds.push((performance.now() - before) / 1000);
  }
  return { seconds, setUpSeconds };
}
