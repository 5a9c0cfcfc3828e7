/** What a line chart is made of: lines, lines across, a curve, and their entries in the legend. */
import { html, type Markup } from '../html.js';
import { type Axis, ends, isGeometric, tenth } from './axis.js';
import type { Box } from './frame.js';
import type { LegendEntry } from './legend.js';
import type { Level, LinePoint, LineSeries } from './line-chart.js';
import { colourOf, cross, dashesOf, marker } from './palette.js';

const CURVE_POINTS = 100;

export const measured = ({ y, spread }: { y: number; spread: number }) => ({ mean: y, spread });

export function seriesLine(
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

/** How a line across is drawn. */
const levelKind = (place: number): Markup =>
  html`class="level" stroke="${colourOf(place)}" stroke-dasharray="${dashesOf(place)}"`;

export function levelLine(level: Level, place: number, { left, right }: Box, y: Axis, lost: number): Markup {
  if (!Number.isFinite(level.y)) return cross(place, right - 8, lost);
  const [low, high] = ends(measured(level));
  return html`<rect class="band" fill="${colourOf(place)}" x="${left}" width="${right - left}" y="${y.at(high)}" height="${tenth(y.at(low) - y.at(high))}"/><line ${levelKind(place)} x1="${left}" x2="${right}" y1="${y.at(level.y)}" y2="${y.at(level.y)}"/>
`;
}

export function curveLine(
  at: (x: number) => number,
  xs: readonly number[],
  x: Axis,
  y: Axis,
  { top, bottom }: Box,
): Markup | undefined {
  const [least, most] = [xs[0], xs.at(-1)];
  if (least === undefined || most === undefined) return undefined;
  const between = (share: number) =>
    isGeometric(xs) ? least * (most / least) ** share : least + share * (most - least);
  const points = Array.from({ length: CURVE_POINTS + 1 }, (_, i) => between(i / CURVE_POINTS))
    .map((value) => [x.at(value), y.at(at(value))] as const)
    .filter(([, pixel]) => pixel >= top && pixel <= bottom);
  return html`<polyline class="curve" points="${points.map((point) => point.join(',')).join(' ')}"/>`;
}

export function entriesOf(
  series: readonly LineSeries[],
  levels: readonly Level[],
  curve: string | undefined,
  places: readonly number[],
): LegendEntry[] {
  const stroke = (kind: Markup, x: number, y: number) =>
    html`<line ${kind} x1="${x - 12}" x2="${x + 12}" y1="${y}" y2="${y}"/>`;
  return [
    ...series.map(({ name }, i) => ({
      name,
      symbol: (x: number, y: number) =>
        html`${stroke(html`class="line" stroke="${colourOf(places[i]!)}"`, x, y)}${marker(places[i]!, x, y, 4.5)}`,
    })),
    ...levels.map(({ name }, i) => ({
      name,
      symbol: (x: number, y: number) => stroke(levelKind(places[series.length + i]!), x, y),
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
