/** The plots of a comparison, chosen by what varies in it. */
import {
  type Chart,
  type Dot,
  dotChart,
  type Level,
  type LineSeries,
  lineChart,
  scatterChart,
  standaloneSvg,
} from '../../report/index.js';
import { percent } from './grid.js';
import { type Dimension, dimensionsOf, groupsBy, isNumeric } from './plot-dimensions.js';
import { settingsMap } from './plot-maps.js';

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

/** The rows of a method in one set. */
interface Method {
  readonly name: string;
  /** Its place among all methods of the comparison. */
  readonly place: number;
  readonly rows: readonly PlotRow[];
  readonly varying: readonly Dimension[];
}

interface Named {
  readonly parts: readonly string[];
  readonly title: string;
  readonly chart: Chart;
}

/** More results without an axis than these are not lines across a chart but a chart of their own. */
const MOST_LEVELS = 4;

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

const settingsOf = ({ varying }: Method) => varying.filter(({ kind }) => kind === 'setting');

/** One for each method and what else varies. */
function mapsOf(metric: PlotMetric, methods: readonly Method[]): Named[] {
  return methods.flatMap((method) => {
    const [first, second] = settingsOf(method);
    if (!first || !second) return [];
    const others = method.varying.filter((dimension) => dimension !== first && dimension !== second);
    return groupsBy(others, method.rows).map(({ names, rows }) => ({
      parts: [metric.label, 'by', first.name, second.name, method.name, ...names],
      title: [method.name, ...names].join(', '),
      chart: settingsMap(metric, [first, second], rows),
    }));
  });
}

/** One for each thing that can be an axis; what has none lies across these charts, or has its own. */
function linesAndDots(metric: PlotMetric, methods: readonly Method[]): Named[] {
  const mapless = methods.filter((method) => settingsOf(method).length < 2);
  const axisOf = ({ varying, rows }: Method) => varying.find((dimension) => isNumeric(dimension, rows));
  const axes = new Map(mapless.map(axisOf).flatMap((axis) => (axis ? [[axis.name, axis]] : [])));
  const dots = mapless.flatMap((method) => {
    const axis = axisOf(method);
    return dotsOf(metric, method, (row) => axis?.of(row) === undefined);
  });
  const across = axes.size > 0 && dots.length <= MOST_LEVELS;
  const levels = across ? dots.map(({ mean, ...dot }) => ({ ...dot, y: mean })) : [];
  const y = { title: metric.label, better: metric.better };
  const lines = [...axes.values()].map((axis): Named => {
    const series = mapless
      .filter((method) => axisOf(method)?.name === axis.name)
      .flatMap((method) => seriesOf(metric, method, axis));
    const x = { title: axis.title, ...(axis.kind === 'size' ? { label: percent } : {}) };
    return {
      parts: [metric.label, 'by', axis.name],
      title: '',
      chart: lineChart({ x, y, ...coloured(series, levels) }),
    };
  });
  if (across || dots.length === 0) return lines;
  return [...lines, { parts: [metric.label], title: '', chart: dotChart(y, dots) }];
}

/** Lines over the axis, one for each value of what else varies. */
function seriesOf({ key }: PlotMetric, method: Method, axis: Dimension): LineSeries[] {
  const others = method.varying.filter((dimension) => dimension !== axis);
  return groupsBy(others, method.rows).map(({ names, rows }) => ({
    name: [method.name, ...names].join(', '),
    colour: method.place,
    points: rows.flatMap((row) => {
      const [x, measured] = [axis.of(row), row.metrics[key]];
      return typeof x === 'number' && measured ? [{ x, y: measured.mean, spread: measured.spread }] : [];
    }),
  }));
}

function dotsOf({ key }: PlotMetric, method: Method, chosen: (row: PlotRow) => boolean): Dot[] {
  return groupsBy(method.varying, method.rows.filter(chosen)).flatMap(({ names, rows }) =>
    rows.flatMap(({ metrics }) => {
      const name = [method.name, ...names].join(', ');
      return metrics[key] ? [{ name, colour: method.place, ...metrics[key] }] : [];
    }),
  );
}

/** Methods keep their colours, unless one has several lines: then each line has its own. */
function coloured(series: readonly LineSeries[], levels: readonly Level[]) {
  const colours = [...series, ...levels].map(({ colour }) => colour);
  if (new Set(colours).size === colours.length) return { series, levels };
  const without = <T extends { colour?: number }>({ colour: _, ...rest }: T) => rest;
  return { series: series.map(without), levels: levels.map(without) };
}

/** The first two metrics against each other, of all results that have both. */
function scatterOf([first, second]: readonly PlotMetric[], methods: readonly Method[]): Named[] {
  if (!first || !second) return [];
  const series = methods.map(({ name, place, rows }) => ({
    name,
    colour: place,
    points: rows.flatMap(({ size, metrics }) => {
      const [x, y] = [metrics[first.key], metrics[second.key]];
      return x && y ? [{ x, y, size }] : [];
    }),
  }));
  if (series.flatMap(({ points }) => points).length < 2) return [];
  const [x, y] = [first, second].map(({ label, better }) => ({ title: label, better }));
  const chart = scatterChart({ x: x!, y: y!, series, size: percent });
  return [{ parts: [first.label, 'and', second.label], title: '', chart }];
}

/** Letters and digits of any script, joined by "-". */
function slug(text: string): string {
  return text
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
