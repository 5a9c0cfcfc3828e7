/** A quantity over a setting: a line for each series, with error bars. */
import { html } from '../html.js';
import { type Axis, distinctSorted, settingAxis, tenth, valueAxis } from './axis.js';
import { Chart, type Quantity, WIDTH } from './chart.js';
import { ABOVE, BELOW, type Box, frame, gutter } from './frame.js';
import { legend, legendHeight, legendWidth } from './legend.js';
import { curveLine, entriesOf, levelLine, measured, seriesLine } from './lines.js';
import { DIVERGED } from './results.js';

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

/** The x axis is logarithmic where the values are spaced so, and y where values differ many times. */
export function lineChart({ x: across, y: up, series, levels = [], curve }: LineChartOptions): Chart {
  const places = [...series, ...levels].map(({ colour }, i) => colour ?? i);
  const entries = entriesOf(series, levels, curve?.name, places);
  const right = WIDTH - 16 - (entries.length > 0 ? legendWidth(entries) + 20 : 0);
  const bottom = ABOVE + Math.max(LEAST_HEIGHT, legendHeight(entries));
  const points = series.flatMap((line) => line.points);
  const diverged = [...points, ...levels].some(({ y }) => !Number.isFinite(y));
  const [strip, above] = [diverged ? STRIP : 0, up.better !== 'higher'];
  const xs = points.map((point) => point.x).filter(Number.isFinite);
  const onCurve = curve ? xs.map((value) => ({ mean: curve.at(value), spread: 0 })) : [];
  const y = valueAxis(
    [...[...points, ...levels].map(measured), ...onCurve],
    bottom - (above ? 0 : strip),
    ABOVE + (above ? strip : 0),
  );
  const box: Box = { left: gutter(y, up, diverged ? [DIVERGED] : []), right, top: ABOVE, bottom };
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

/** So far apart that all series stay within a third of the least distance between values of x. */
function stepBeside(x: Axis, xs: readonly number[], count: number): number {
  const pixels = distinctSorted(xs).map((value) => x.at(value));
  const gaps = pixels.slice(1).map((pixel, i) => pixel - pixels[i]!);
  return count > 1 ? Math.min(BESIDE, Math.min(100, ...gaps) / 3 / (count - 1)) : 0;
}
