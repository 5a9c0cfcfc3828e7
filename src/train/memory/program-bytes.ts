/** How much memory a loss program takes while it runs, from the graphs of its stages. */
import { passingSizes, type StagePlan } from '../../autodiff/index.js';
import type { Value } from '../../graph/index.js';
import { sessionBytes } from './session-bytes.js';

/** The most at once: what crossed stages, what is on its way to readings, and the stage that runs. */
export function programBytes(plans: readonly StagePlan[]): number {
  const passing = 4 * passingSizes(plans).reduce((sum, size) => sum + size, 0);
  let held = 0;
  let peak = 0;
  const run = (graph: StagePlan['backward'], given?: ReadonlySet<Value>) => {
    const { peak: own, results } = sessionBytes(graph, given);
    peak = Math.max(peak, held + own);
    held += results;
  };
  for (const { forward } of plans) if (forward) run(forward);
  for (const { backward, readings } of plans.toReversed()) {
    const values = [...readings.values()].flatMap((reading) => (reading.passing ? reading.values : []));
    run(backward, new Set(values));
  }
  return passing + peak;
}
