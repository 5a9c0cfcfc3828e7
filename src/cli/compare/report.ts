/** The files of a comparison's results: JSON with everything, a table, plots. */
import { join } from 'node:path';
import { writeFileAtomic } from '../../formats/index.js';
import { measurementLabel } from '../../metrics/index.js';
import type { CellResult } from './cell.js';
import type { Experiment } from './experiment.js';
import { betterOf, type MetricName } from './metrics.js';
import { plotsOf } from './plots.js';
import { summarize } from './summary.js';
import { markdown } from './table.js';

export interface Report {
  /** Paths. */
  readonly table: string;
  readonly results: string;
  /** The table itself. */
  readonly markdown: string;
}

export interface ReportOptions {
  /** Names the files. */
  readonly name: string;
  readonly out: string;
}

export async function writeReport(
  experiment: Experiment,
  cells: readonly CellResult[],
  { name, out }: ReportOptions,
): Promise<Report> {
  const rows = summarize(experiment, cells);
  const text = markdown(experiment, rows, labelsOf(cells));
  const [table, results] = ['.md', '.json'].map((ending) => join(out, `${name}${ending}`)) as [
    string,
    string,
  ];
  await writeFileAtomic(table, text);
  await writeFileAtomic(results, `${JSON.stringify({ experiment, rows, cells }, null, 2)}\n`);
  return { table, results, markdown: text };
}

/** Plots of all cells, and the paths of their files. */
export async function writePlots(
  experiment: Experiment,
  cells: readonly CellResult[],
  { name, out }: ReportOptions,
): Promise<string[]> {
  const plots = plotsOf(plotted(experiment, labelsOf(cells)), summarize(experiment, cells));
  const paths = plots.map((plot) => join(out, `${name}-${plot.name}.svg`));
  for (const [i, { svg }] of plots.entries()) await writeFileAtomic(paths[i]!, svg);
  return paths;
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
