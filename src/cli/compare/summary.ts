/** From the results of cells to a table: means and spreads over seeds, and VLHI within each picture set. */
import { harmonyIndex } from '../../metrics/index.js';
import type { CellResult } from './cell.js';
import type { Experiment } from './experiment.js';
import { percent } from './grid.js';
import { CELL_METRICS, type CellMetricName } from './metrics.js';

export interface SummaryRow {
  readonly set: string;
  readonly row: string;
  readonly size: number | undefined;
  readonly trained: number;
  readonly seeds: number;
  readonly metrics: Readonly<Partial<Record<CellMetricName, { mean: number; spread: number }>>>;
  /** Of the means, within the rows of the set. */
  readonly index: number | undefined;
  readonly secondsPerStep: number;
}

/** One row for each set, method and size; spreads are standard deviations over seeds (n − 1). */
export function summarize({ metrics, index }: Experiment, results: readonly CellResult[]): SummaryRow[] {
  const groups = new Map<string, CellResult[]>();
  for (const result of results) groups.set(keyOf(result), [...(groups.get(keyOf(result)) ?? []), result]);
  const rows = [...groups.values()].map((cells) => ({
    ...{ set: cells[0]!.set, row: cells[0]!.row, size: cells[0]!.size, trained: cells[0]!.trained },
    seeds: cells.length,
    metrics: Object.fromEntries(
      metrics.map((name) => [name, spreadOf(cells.map(({ values }) => values[name]!))]),
    ),
    secondsPerStep: meanOf(cells.map(({ secondsPerStep }) => secondsPerStep)),
  }));
  return rows.map((row) => {
    if (!index) return { ...row, index: undefined };
    const group = rows.filter(({ set }) => set === row.set);
    const all = harmonyIndex(
      index.map((name) => ({
        values: group.map(({ metrics: found }) => found[name]!.mean),
        better: CELL_METRICS[name].better,
      })),
    );
    return { ...row, index: all[group.indexOf(row)] };
  });
}

const keyOf = ({ set, row, size }: CellResult): string => JSON.stringify([set, row, size]);

/** The table as Markdown, under the experiment's title. */
export function markdown({ title, about, metrics, index }: Experiment, rows: readonly SummaryRow[]): string {
  const arrow = (name: CellMetricName) => `${name} ${CELL_METRICS[name].better === 'lower' ? '↓' : '↑'}`;
  const head = [
    'set',
    'method',
    'size',
    'trained',
    'seeds',
    ...metrics.map(arrow),
    ...(index ? ['VLHI ↑'] : []),
    's / step',
  ];
  const body = rows.map((row) => [
    ...[row.set, row.row, row.size === undefined ? '–' : percent(row.size)],
    ...[row.trained.toLocaleString('en-US'), String(row.seeds)],
    ...metrics.map((name) => shown(row.metrics[name]!, row.seeds)),
    ...(row.index === undefined ? [] : [row.index.toFixed(2)]),
    row.secondsPerStep.toPrecision(2),
  ]);
  const group = index
    ? `\nVLHI joins ${index.join(' and ')} within all rows of a set and says nothing outside that group.\n`
    : '';
  const lines = [head, head.map(() => '---'), ...body].map((cells) => `| ${cells.join(' | ')} |`);
  return `# ${title}\n\n${about === '' ? '' : `${about.trim()}\n\n`}${lines.join('\n')}\n${group}`;
}

function shown({ mean, spread }: { mean: number; spread: number }, seeds: number): string {
  return seeds > 1 ? `${mean.toPrecision(4)} ± ${spread.toPrecision(2)}` : mean.toPrecision(4);
}

function spreadOf(values: readonly number[]): { mean: number; spread: number } {
  const mean = meanOf(values);
  const squares = values.reduce((sum, value) => sum + (value - mean) ** 2, 0);
  return { mean, spread: values.length > 1 ? Math.sqrt(squares / (values.length - 1)) : 0 };
}

function meanOf(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}
