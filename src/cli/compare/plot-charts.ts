/** The charts of one picture set: maps, lines, dots, and metrics against each other. */
import {
  type Chart,
  type Dot,
  dotChart,
  type Level,
  type LineSeries,
  lineChart,
  scatterChart,
} from '../../report/index.js';
import { percent } from './grid.js';
import { type Dimension, groupsBy, isNumeric } from './plot-dimensions.js';
import { settingsMap } from './plot-maps.js';
import type { PlotMetric, PlotRow } from './plots.js';

/** The rows of a method in one set. */
export interface Method {
  readonly name: string;
  /** Its place among all methods of the comparison. */
  readonly place: number;
  readonly rows: readonly PlotRow[];
  readonly varying: readonly Dimension[];
}

/** A chart, the parts of its name, and what its title adds to the set's. */
export interface Named {
  readonly parts: readonly string[];
  readonly title: string;
  readonly chart: Chart;
}

/** More results without an axis than these are not lines across a chart but a chart of their own. */
const MOST_LEVELS = 4;

const settingsOf = ({ varying }: Method) => varying.filter(({ kind }) => kind === 'setting');

/** One for each method and what else varies. */
export function mapsOf(metric: PlotMetric, methods: readonly Method[]): Named[] {
  return methods.flatMap((method) => {
    const [first, second] = settingsOf(method);
    if (!first || !second) return [];
    const others = method.varying.filter((dimension) => dimension !== first && dimension !== second);
    return groupsBy(others, method.rows).map(({ names, rows }) => ({
      parts: [metric.key, 'by', first.name, second.name, method.name, ...names],
      title: [method.name, ...names].join(', '),
      chart: settingsMap(metric, [first, second], rows),
    }));
  });
}

/** One for each thing that can be an axis; what has none lies across these charts, or has its own. */
export function linesAndDots(metric: PlotMetric, methods: readonly Method[]): Named[] {
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
      parts: [metric.key, 'by', axis.name],
      title: '',
      chart: lineChart({ x, y, ...coloured(series, levels) }),
    };
  });
  if (across || dots.length === 0) return lines;
  return [...lines, { parts: [metric.key], title: '', chart: dotChart(y, dots) }];
}

/** Lines over the axis, one for each value of what else varies. */
function seriesOf({ key }: PlotMetric, method: Method, axis: Dimension): LineSeries[] {
  const others = method.varying.filter(({ name }) => name !== axis.name);
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
export function scatterOf([first, second]: readonly PlotMetric[], methods: readonly Method[]): Named[] {
  if (!first || !second) return [];
  const growing = growingOf(methods);
  const series = methods.map(({ name, place, rows }) => ({
    name,
    colour: place,
    points: rows.flatMap((row) => {
      const [x, y, size] = [row.metrics[first.key], row.metrics[second.key], growing?.of(row)];
      return x && y ? [{ x, y, size: typeof size === 'number' ? size : undefined }] : [];
    }),
  }));
  if (series.flatMap(({ points }) => points).length < 2) return [];
  const [x, y] = [first, second].map(({ label, better }) => ({ title: label, better }));
  const chart = scatterChart({ x: x!, y: y!, series, ...(growing ? { size: growing.label } : {}) });
  return [{ parts: [first.key, 'and', second.key], title: '', chart }];
}

/** What larger markers stand for: the size, or the only number that varies. */
function growingOf(methods: readonly Method[]): Dimension | undefined {
  const numeric = methods.flatMap(({ varying, rows }) =>
    varying.filter((dimension) => isNumeric(dimension, rows)),
  );
  const byName = new Map(numeric.map((dimension) => [dimension.name, dimension]));
  return byName.get('size') ?? (byName.size === 1 ? numeric[0] : undefined);
}
