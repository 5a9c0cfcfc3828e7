/** One quantity against another: a point with error bars for each result, joined where they are of one method. */
import { html, type Markup } from '../html.js';
import { type Axis, distinctSorted, ends, type Measured, valueAxis } from './axis.js';
import { Chart, type Quantity, WIDTH } from './chart.js';
import { ABOVE, BELOW, type Box, frame, gutter } from './frame.js';
import { type LegendEntry, legend, legendHeight, legendWidth } from './legend.js';
import { colourOf, marker } from './palette.js';
import { wrapped } from './text.js';

export interface ScatterPoint {
  readonly x: Measured;
  readonly y: Measured;
  /** Decides how large the marker is: the size of what trained, or another number that varies. */
  readonly size?: number | undefined;
}

export interface ScatterSeries {
  readonly name: string;
  /** Its place in the order of colours; its own place in the list unless given. */
  readonly colour?: number;
  readonly points: readonly ScatterPoint[];
}

export interface ScatterOptions {
  readonly x: Quantity;
  readonly y: Quantity;
  readonly series: readonly ScatterSeries[];
  /** How a size is written. */
  readonly size?: (size: number) => string;
}

const LEAST_HEIGHT = 380;
const [SMALLEST, LARGEST] = [4, 9];
const USUAL = 6;
const LINE = 18;

/** Points that are not finite are named below the chart. */
export function scatterChart({ x: across, y: up, series, size: sized = String }: ScatterOptions): Chart {
  const places = series.map(({ colour }, i) => colour ?? i);
  const all = series.flatMap(({ points }) => points);
  const sizes = distinctSorted(all.flatMap(({ size }) => size ?? []));
  const entries = entriesOf(series, places, sizes, sized);
  const right = WIDTH - 16 - legendWidth(entries) - 20;
  const bottom = ABOVE + Math.max(LEAST_HEIGHT, legendHeight(entries));
  const drawn = all.filter(isDrawn);
  const y = valueAxis(
    drawn.map((point) => point.y),
    bottom,
    ABOVE,
  );
  const box: Box = { left: gutter(y, up), right, top: ABOVE, bottom };
  const x = valueAxis(
    drawn.map((point) => point.x),
    box.left,
    right,
  );
  const lost = series.flatMap(({ name, points }) =>
    points
      .filter((point) => !isDrawn(point))
      .map(({ size }) => (size === undefined ? name : `${name} ${sized(size)}`)),
  );
  const note = lost.length > 0 ? wrapped(`Diverged: ${lost.join(', ')}`, WIDTH - 16) : [];
  return new Chart(
    WIDTH,
    bottom + BELOW + LINE * note.length + (note.length > 0 ? 8 : 0),
    `${up.title} against ${across.title}: ${series.map(({ name }) => name).join(', ')}`,
    html`${frame(box, x, y, { x: across, y: up })}
${series.map(({ points }, i) => seriesPoints(points.filter(isDrawn), places[i]!, x, y, sizes))}
${legend(entries, right + 20, ABOVE)}
${note.map((line, i) => html`<text x="4" y="${bottom + BELOW + LINE * i + 16}">${line}</text>`)}`,
  );
}

const isDrawn = ({ x, y }: ScatterPoint): boolean => Number.isFinite(x.mean) && Number.isFinite(y.mean);

function seriesPoints(
  points: readonly ScatterPoint[],
  place: number,
  x: Axis,
  y: Axis,
  sizes: readonly number[],
): Markup {
  const stroke = colourOf(place);
  const joined = points.filter(({ size }) => size !== undefined).sort((a, b) => a.size! - b.size!);
  const line = joined.map((point) => `${x.at(point.x.mean)},${y.at(point.y.mean)}`).join(' ');
  return html`${joined.length > 1 ? html`<polyline class="thin" stroke="${stroke}" points="${line}"/>` : undefined}
${points.map((point) => {
  const [cx, cy] = [x.at(point.x.mean), y.at(point.y.mean)];
  const [left, right] = ends(point.x).map(x.at) as [number, number];
  const [low, high] = ends(point.y).map(y.at) as [number, number];
  return html`<path class="bar" stroke="${stroke}" d="M${left} ${cy}H${right}M${cx} ${low}V${high}"/>${marker(place, cx, cy, radiusOf(point.size, sizes))}
`;
})}`;
}

/** Areas of markers grow evenly with the place of the size among all. */
function radiusOf(size: number | undefined, sizes: readonly number[]): number {
  if (size === undefined || sizes.length < 2) return USUAL;
  const share = sizes.indexOf(size) / (sizes.length - 1);
  return Math.round(10 * Math.sqrt(SMALLEST ** 2 + share * (LARGEST ** 2 - SMALLEST ** 2))) / 10;
}

function entriesOf(
  series: readonly ScatterSeries[],
  places: readonly number[],
  sizes: readonly number[],
  sized: (size: number) => string,
): LegendEntry[] {
  const ofSizes = sizes.length < 2 ? [] : sizes;
  return [
    ...series.map(({ name }, i) => ({
      name,
      symbol: (x: number, y: number) => marker(places[i]!, x, y, USUAL),
    })),
    ...ofSizes.map((size) => ({
      name: sized(size),
      symbol: (x: number, y: number) =>
        html`<circle class="size" cx="${x}" cy="${y}" r="${radiusOf(size, sizes)}"/>`,
    })),
  ];
}
