/** A quantity over a setting: a line for each series, with error bars. */
import { html, type Markup } from '../html.js';
import { type Axis, distinctSorted, ends, settingAxis, tenth, valueAxis } from './axis.js';
import { Chart, type Quantity, WIDTH } from './chart.js';
import { ABOVE, BELOW, type Box, frame, gutter } from './frame.js';
import { type LegendEntry, legend, legendHeight, legendWidth } from './legend.js';
import { colourOf, cross, marker } from './palette.js';

export interface LinePoint {
  readonly x: number;
  /** Not finite where there is no result, as of a run that diverged. */
  readonly y: number;
  /** Half the length of the error bar. */
  readonly spread: number;
}

export interface LineSeries {
  readonly name: string;
  /** Its place in the order of colours; its own place in the list unless given. */
  readonly colour?: number;
  readonly points: readonly LinePoint[];
}

/** A result to which the setting does not apply: a line across. */
export interface Level {
  readonly name: string;
  readonly colour?: number;
  readonly y: number;
  readonly spread: number;
}

export interface LineChartOptions {
  readonly x: Quantity;
  readonly y: Quantity;
  readonly series: readonly LineSeries[];
  readonly levels?: readonly Level[];
  /** A smooth curve over the points, such as a fit. */
  readonly curve?: { readonly name: string; at(x: number): number };
}

const LEAST_HEIGHT = 320;
/** At the worse end of y, where what diverged is marked. */
const STRIP = 26;
/** Series of many are drawn this far apart where they have the same x, so that error bars do not cover each other. */
const BESIDE = 3;
const CURVE_POINTS = 100;
const DIVERGED = 'diverged';

/** The x axis is logarithmic where the values are spaced so, and y where values differ many times. */
export function lineChart({ x: across, y: up, series, levels = [], curve }: LineChartOptions): Chart {
  const places = [...series, ...levels].map(({ colour }, i) => colour ?? i);
  const entries = entriesOf(series, levels, curve?.name, places);
  const right = WIDTH - 16 - (entries.length > 0 ? legendWidth(entries) + 20 : 0);
  const bottom = ABOVE + Math.max(LEAST_HEIGHT, legendHeight(entries));
  const points = series.flatMap((line) => line.points);
  const diverged = [...points, ...levels].some(({ y }) => !Number.isFinite(y));
  const [strip, above] = [diverged ? STRIP : 0, up.better !== 'higher'];
  const y = valueAxis(
    [...points, ...levels].map(measured),
    bottom - (above ? 0 : strip),
    ABOVE + (above ? strip : 0),
  );
  const box: Box = { left: gutter(y, up, diverged ? [DIVERGED] : []), right, top: ABOVE, bottom };
  const xs = points.map((point) => point.x);
  const x = settingAxis(xs, box.left, box.right);
  const lost = above ? ABOVE + STRIP / 2 : bottom - STRIP / 2;
  const beside = stepBeside(x, xs, series.length);
  const description = `${up.title} over ${across.title}: ${[...series, ...levels].map(({ name }) => name).join(', ')}`;
  return new Chart(
    WIDTH,
    bottom + BELOW,
    description,
    html`${frame(box, x, y, { x: across, y: up })}
${diverged ? html`<text x="${box.left - 8}" y="${lost + 4}" text-anchor="end">${DIVERGED}</text>` : undefined}
${levels.map((level, i) => levelLine(level, places[series.length + i]!, box, y, lost))}
${series.map(({ points: line }, i) => {
  const shift = beside * (i - (series.length - 1) / 2);
  return seriesLine(line, places[i]!, (value) => tenth(x.at(value) + shift), y, lost);
})}
${curve ? curveLine(curve.at, distinctSorted(xs), x, y, box) : undefined}
${legend(entries, right + 20, ABOVE)}`,
  );
}

function seriesLine(
  points: readonly LinePoint[],
  place: number,
  at: (x: number) => number,
  y: Axis,
  lost: number,
): Markup {
  const stroke = colourOf(place);
  const sorted = points.filter(({ x }) => Number.isFinite(x)).sort((a, b) => a.x - b.x);
  const shown = sorted.filter(({ y: value }) => Number.isFinite(value));
  // The line has a gap where a point diverged.
  let pen = 'M';
  let path = '';
  for (const point of sorted) {
    if (Number.isFinite(point.y)) path += `${pen}${at(point.x)} ${y.at(point.y)}`;
    pen = Number.isFinite(point.y) ? 'L' : 'M';
  }
  return html`${path === '' ? undefined : html`<path class="line" stroke="${stroke}" d="${path}"/>`}
${shown.map((point) => {
  const [low, high] = ends(measured(point));
  return low < high
    ? html`<line class="bar" stroke="${stroke}" x1="${at(point.x)}" x2="${at(point.x)}" y1="${y.at(low)}" y2="${y.at(high)}"/>`
    : undefined;
})}
${sorted.map((point) => (Number.isFinite(point.y) ? marker(place, at(point.x), y.at(point.y), 4.5) : cross(place, at(point.x), lost)))}
`;
}

function levelLine(level: Level, place: number, { left, right }: Box, y: Axis, lost: number): Markup {
  if (!Number.isFinite(level.y)) return cross(place, right - 8, lost);
  const [low, high] = ends(measured(level));
  return html`<rect class="band" fill="${colourOf(place)}" x="${left}" width="${right - left}" y="${y.at(high)}" height="${tenth(y.at(low) - y.at(high))}"/><line class="level" stroke="${colourOf(place)}" x1="${left}" x2="${right}" y1="${y.at(level.y)}" y2="${y.at(level.y)}"/>
`;
}

function curveLine(
  at: (x: number) => number,
  xs: readonly number[],
  x: Axis,
  y: Axis,
  { top, bottom }: Box,
): Markup | undefined {
  const [least, most] = [xs[0], xs.at(-1)];
  if (least === undefined || most === undefined) return undefined;
  const points = Array.from(
    { length: CURVE_POINTS + 1 },
    (_, i) => least + ((most - least) * i) / CURVE_POINTS,
  )
    .map((value) => [x.at(value), y.at(at(value))] as const)
    .filter(([, pixel]) => pixel >= top && pixel <= bottom);
  return html`<polyline class="curve" points="${points.map((point) => point.join(',')).join(' ')}"/>`;
}

const measured = ({ y, spread }: { y: number; spread: number }) => ({ mean: y, spread });

/** So far apart that all series stay within a third of the least distance between values of x. */
function stepBeside(x: Axis, xs: readonly number[], count: number): number {
  const pixels = distinctSorted(xs).map((value) => x.at(value));
  const gaps = pixels.slice(1).map((pixel, i) => pixel - pixels[i]!);
  return count > 1 ? Math.min(BESIDE, Math.min(100, ...gaps) / 3 / (count - 1)) : 0;
}

function entriesOf(
  series: readonly LineSeries[],
  levels: readonly Level[],
  curve: string | undefined,
  places: readonly number[],
): LegendEntry[] {
  const stroke = (kind: string, place: number, x: number, y: number) =>
    html`<line class="${kind}" stroke="${colourOf(place)}" x1="${x - 12}" x2="${x + 12}" y1="${y}" y2="${y}"/>`;
  return [
    ...series.map(({ name }, i) => ({
      name,
      symbol: (x: number, y: number) =>
        html`${stroke('line', places[i]!, x, y)}${marker(places[i]!, x, y, 4.5)}`,
    })),
    ...levels.map(({ name }, i) => ({
      name,
      symbol: (x: number, y: number) => stroke('level', places[series.length + i]!, x, y),
    })),
    ...(curve === undefined
      ? []
      : [
          {
            name: curve,
            symbol: (x: number, y: number) =>
              html`<line class="curve" x1="${x - 10}" x2="${x + 10}" y1="${y}" y2="${y}"/>`,
          },
        ]),
  ];
}
