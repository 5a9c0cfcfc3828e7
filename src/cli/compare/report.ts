/** The files of a comparison's results: JSON with everything, a table, plots. */
import { join } from 'node:path';
import { writeFileAtomic } from '../../formats/index.js';
import { measurementLabel } from '../../metrics/index.js';
import type { CellResult } from './cell.js';
import type { Experiment } from './experiment.js';
import { betterOf, type MetricName } from './metrics.js';
import { type Plot, plotsOf } from './plots.js';
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
  const labels = labelsOf(cells);
  const text = markdown(experiment, rows, labels);
  await writeFileAtomic(path('.md'), text);
  const plots = plotsOf(plotted(experiment, labels), rows);
  const plotPath = (plot: Plot) => path(`-${plot.name}.svg`);
  for (const plot of plots) await writeFileAtomic(plotPath(plot), plot.svg);
  await writeFileAtomic(path('.json'), `${JSON.stringify({ experiment, rows, cells }, null, 2)}\n`);
  return { table: path('.md'), results: path('.json'), plots: plots.map(plotPath), markdown: text };
}

/** What the plots show, by the metrics' keys. */
function plotted({ title, metrics }: Experiment, labels: ReadonlyMap<MetricName, string>) {
  return {
    title,
    metrics: metrics.map((key) => ({ key, label: labels.get(key) ?? key, better: betterOf(key) })),
  };
}

/** What each metric is called, with the network where that is not the standard one. */
function labelsOf(cells: readonly CellResult[]): Map<MetricName, string> {
  const all = cells.flatMap(({ measurements }) => measurements);
  return new Map(all.map((measurement) => [measurement.name as MetricName, measurementLabel(measurement)]));
}
