/** The plots of a comparison, chosen by what varies in it. */
import { standaloneSvg } from '../../report/index.js';
import { linesAndDots, type Method, mapsOf, scatterOf } from './plot-charts.js';
import { dimensionsOf } from './plot-dimensions.js';

/** A result: what was trained, and each metric's mean and spread, which are not finite where a run diverged. */
export interface PlotRow {
  readonly set: string;
  /** The method. */
  readonly row: string;
  /** Share of the weights that train; none of a method without sizes. */
  readonly size: number | undefined;
  readonly scale: number;
  /** Settings that take several values. */
  readonly varied: Readonly<Record<string, number | string | boolean>>;
  readonly metrics: Readonly<Record<string, { readonly mean: number; readonly spread: number }>>;
}

export interface PlotMetric {
  readonly key: string;
  readonly label: string;
  readonly better: 'lower' | 'higher';
}

/** A plot as an SVG file; its name is the file's, without the ending. */
export interface Plot {
  readonly name: string;
  readonly svg: string;
}

/**
 * For each set and metric: a map of each method that has two settings varied; lines over a setting, a scale or a size that varies; dots
 * otherwise. And for each set the first two metrics against each other.
 */
export function plotsOf(
  { title, metrics }: { readonly title: string; readonly metrics: readonly PlotMetric[] },
  rows: readonly PlotRow[],
): Plot[] {
  const names = new Set<string>();
  const places = [...new Set(rows.map(({ row }) => row))];
  const plots = [...new Set(rows.map(({ set }) => set))].flatMap((set) => {
    const methods = places.flatMap((name, place): Method[] => {
      const own = rows.filter((row) => row.set === set && row.row === name);
      return own.length > 0 ? [{ name, place, rows: own, varying: dimensionsOf(own) }] : [];
    });
    const charts = [
      ...metrics.flatMap((metric) => [...mapsOf(metric, methods), ...linesAndDots(metric, methods)]),
      ...scatterOf(metrics, methods),
    ];
    return charts.map((chart) => ({ ...chart, set }));
  });
  return plots.map(({ parts, title: what, chart, set }) => ({
    name: unique(slug([...parts, set].join(' ')), names),
    svg: standaloneSvg(chart, { title: [title, set, what].filter((part) => part !== '').join(' · ') }),
  }));
}

/** Letters without accents and digits of any script, joined by "-". */
function slug(text: string): string {
  return text
    .normalize('NFKD')
    .replace(/\p{M}/gu, '')
    .toLowerCase()
    .replace(/[^\p{L}\p{N}.]+/gu, '-')
    .replace(/^[-.]+|[-.]+$/g, '');
}

/** The name, with a number where it is taken. */
function unique(name: string, taken: Set<string>): string {
  let free = name;
  for (let i = 2; taken.has(free); i++) free = `${name}-${i}`;
  taken.add(free);
  return free;
}
