/** From the results of cells to the rows of a table: means and spreads over seeds, and VLHI within each picture set. */
import { harmonyIndex } from '../../metrics/index.js';
import type { CellResult } from './cell.js';
import type { Experiment } from './experiment.js';
import type { Place } from './grid.js';
import { betterOf, type MetricName } from './metrics.js';

export interface SummaryRow extends Place {
  readonly trained: number;
  readonly seeds: number;
  /** Of these the training diverged; the row's numbers are none then. */
  readonly diverged: number;
  /** NaN where a training diverged. */
  readonly metrics: Readonly<Partial<Record<MetricName, Spread>>>;
  /** Of the means, within the rows of the set. */
  readonly index: number | undefined;
  readonly secondsPerStep: number;
}

export interface Spread {
  readonly mean: number;
  /** Standard deviation over seeds (n − 1); 0 for a single one. */
  readonly spread: number;
}

/** One row for each place. Throws RangeError where a metric of the experiment was not measured. */
export function summarize({ metrics, index }: Experiment, results: readonly CellResult[]): SummaryRow[] {
  const groups = new Map<string, CellResult[]>();
  for (const result of results) {
    const key = JSON.stringify(result.place);
    groups.set(key, [...(groups.get(key) ?? []), result]);
  }
  const rows = [...groups.values()].map((cells) => ({
    ...cells[0]!.place,
    ...{ trained: cells[0]!.trained, seeds: cells.length },
    diverged: cells.filter(({ measurements }) => measurements.length === 0).length,
    metrics: Object.fromEntries(
      metrics.map((name) => [name, spreadOf(cells.map((cell) => measured(cell, name)))]),
    ),
    secondsPerStep: meanOf(cells.map(({ secondsPerStep }) => secondsPerStep)),
  }));
  return rows.map((row) => ({ ...row, index: index && indexOf(row, rows, index) }));
}

type RowMetrics = Pick<SummaryRow, 'set' | 'metrics'>;

/** VLHI among the rows of the set whose training did not diverge. */
function indexOf(row: RowMetrics, rows: readonly RowMetrics[], names: readonly MetricName[]): number {
  const group = rows.filter(
    ({ set, metrics }) => set === row.set && names.every((name) => Number.isFinite(metrics[name]!.mean)),
  );
  const all = harmonyIndex(
    names.map((name) => ({
      values: group.map(({ metrics }) => metrics[name]!.mean),
      better: betterOf(name),
    })),
  );
  return all[group.indexOf(row)] ?? Number.NaN;
}

function measured({ measurements, pictures }: CellResult, name: MetricName): number {
  if (measurements.length === 0) return Number.NaN;
  const found = measurements.find((measurement) => measurement.name === name);
  if (!found) throw new RangeError(`expected "${name}" among the measurements of ${pictures}, got none`);
  return found.value;
}

function spreadOf(values: readonly number[]): Spread {
  const mean = meanOf(values);
  const squares = values.reduce((sum, value) => sum + (value - mean) ** 2, 0);
  return { mean, spread: values.length > 1 ? Math.sqrt(squares / (values.length - 1)) : 0 };
}

function meanOf(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}
