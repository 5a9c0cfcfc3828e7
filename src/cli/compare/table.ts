/** The table of a comparison as Markdown. */
import type { Experiment, Value } from './experiment.js';
import { percent } from './grid.js';
import { betterOf, type MetricName } from './metrics.js';
import type { Spread, SummaryRow } from './summary.js';

/** A column: its head, and what stands in each row. */
type Column = readonly [head: string, cell: (row: SummaryRow) => string];

/** Under the experiment's title; columns that are the same in every row for want of anything that varies are left out. */
export function markdown(
  { title, about, metrics, index }: Experiment,
  rows: readonly SummaryRow[],
  labels: ReadonlyMap<MetricName, string>,
): string {
  const scaled = rows.some(({ scale }) => scale !== 1);
  const settings = [...new Set(rows.flatMap(({ varied }) => Object.keys(varied)))];
  const columns: Column[] = [
    ['set', ({ set }) => set],
    ['method', ({ row }) => row],
    ['size', ({ size }) => (size === undefined ? '–' : percent(size))],
    ...settings.map((key): Column => [key, ({ varied }) => shownValue(varied[key])]),
    ...(scaled ? [['α', ({ scale }) => String(scale)] satisfies Column] : []),
    ['trained', ({ trained }) => trained.toLocaleString('en-US')],
    ['seeds', ({ seeds }) => String(seeds)],
    ...metrics.map(
      (name): Column => [
        `${labels.get(name) ?? name} ${betterOf(name) === 'lower' ? '↓' : '↑'}`,
        (row) => shown(row.metrics[name]!, row),
      ],
    ),
    ...(index ? [['VLHI ↑', (row) => shownIndex(row.index!)] satisfies Column] : []),
    ['s / step', ({ secondsPerStep }) => secondsPerStep.toPrecision(2)],
  ];
  const body = rows.map((row) => columns.map(([, cell]) => cell(row)));
  const lines = [columns.map(([head]) => head), columns.map(() => '---'), ...body].map(
    (cells) => `| ${cells.join(' | ')} |`,
  );
  const group = index
    ? `\nVLHI joins ${index.join(' and ')} within all rows of a set and says nothing outside that group.\n`
    : '';
  return `# ${title}\n\n${about === '' ? '' : `${about.trim()}\n\n`}${lines.join('\n')}\n${group}`;
}

function shown({ mean, spread }: Spread, { seeds, diverged }: SummaryRow): string {
  if (diverged > 0) return seeds === 1 ? 'diverged' : `diverged (${diverged} of ${seeds})`;
  return seeds > 1 ? `${mean.toPrecision(4)} ± ${spread.toPrecision(2)}` : mean.toPrecision(4);
}

const shownIndex = (index: number): string => (Number.isNaN(index) ? '–' : index.toFixed(2));

const shownValue = (value: Value = '–'): string =>
  typeof value === 'number' && value !== 0 && Math.abs(value) < 1e-2 ? value.toExponential() : String(value);
