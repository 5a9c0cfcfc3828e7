/** The files of a comparison's results: JSON with everything, a table, plots. */
import { join } from 'node:path';
import { writeFileAtomic } from '../../formats/index.js';
import { measurementLabel } from '../../metrics/index.js';
import type { CellResult } from './cell.js';
import type { Experiment } from './experiment.js';
import type { MetricName } from './metrics.js';
import { summarize } from './summary.js';
import { markdown } from './table.js';

export interface Report {
  /** Paths. */
  readonly table: string;
  readonly results: string;
  readonly plots: readonly string[];
  /** The table itself. */
  readonly markdown: string;
}

export async function writeReport(
  experiment: Experiment,
  cells: readonly CellResult[],
  { name, out }: { name: string; out: string },
): Promise<Report> {
  const path = (ending: string) => join(out, `${name}${ending}`);
  const rows = summarize(experiment, cells);
  const text = markdown(experiment, rows, labelsOf(cells));
  await writeFileAtomic(path('.md'), text);
  await writeFileAtomic(path('.json'), `${JSON.stringify({ experiment, rows, cells }, null, 2)}\n`);
  return { table: path('.md'), results: path('.json'), plots: [], markdown: text };
}

/** What each metric is called, with the network where that is not the standard one. */
function labelsOf(cells: readonly CellResult[]): Map<MetricName, string> {
  const all = cells.flatMap(({ measurements }) => measurements);
  return new Map(all.map((measurement) => [measurement.name as MetricName, measurementLabel(measurement)]));
}
