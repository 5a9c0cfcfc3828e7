/** Steps timed one by one. */

/** Makes so many steps and gives the seconds of each. */
export type TimedSteps = (count: number) => Promise<number[]>;

export function each(step: () => Promise<unknown>): TimedSteps {
  return async (count) => {
    const seconds: number[] = [];
    for (let i = 0; i < count; i++) seconds.push(await secondsOf(step));
    return seconds;
  };
}

export async function secondsOf(work: () => Promise<unknown>): Promise<number> {
  const before = performance.now();
  await work();
  return (performance.now() - before) / 1000;
}
