/** The paper's Fig. 5 on the machine that was measured: memory and time over the batch, as SVG files. */
import { axis } from '../src/report/charts/axis.js';
import { html, Markup } from '../src/report/html.js';
import { titleOf } from './plan.js';
import { type CellResult, measured, peakBytes, type Result, type Side, typicalSeconds } from './result.js';

const WIDTH = 760;
const HEIGHT = 400;
const LEFT = 56;
/** Room for the names of the lines. */
const RIGHT = 220;
const TOP = 44;
const BOTTOM = 48;
const LINE = 18;

const STYLE = `
text { font: 13px system-ui, sans-serif; fill: #444; }
.title { font-size: 15px; font-weight: 600; }
.grid { stroke: #ddd; }
.line { fill: none; stroke-width: 2.5; stroke-linejoin: round; }
.page { fill: #fff; }
@media (prefers-color-scheme: dark) { text { fill: #ccc; } .grid { stroke: #444; } .page { fill: #16181b; } }
`;

/** The lines, ours in warm colours. */
const LINES: readonly { side: Side; work: string; colour: string }[] = [
  { side: 'ours', work: 'sara', colour: '#c2410c' },
  { side: 'ours', work: 'sara-half', colour: '#f59e0b' },
  { side: 'pytorch', work: 'official', colour: '#0f766e' },
  { side: 'pytorch', work: 'lora', colour: '#2563eb' },
  { side: 'pytorch', work: 'lt-sft', colour: '#9333ea' },
];

/** SVG by file name; none where fewer than two batches were measured. */
export function plots(result: Result, pixels: number): Map<string, string> {
  const batches = result.points
    .filter((point) => point.pixels === pixels)
    .map(({ batch }) => batch)
    .filter((batch) => LINES.some((line) => measured(result, { ...line, batch, pixels })));
  if (batches.length < 2) return new Map();
  const chart = (title: string, unit: string, get: (cell: CellResult) => number) =>
    `${lineChart(result, { title, unit, pixels, batches }, get).text}\n`;
  const name = (what: string) => `${result.size}-${what}.svg`;
  return new Map([
    [name('memory'), chart('Peak memory', 'GB', (cell) => peakBytes(cell) / 1e9)],
    [name('time'), chart('Time of a step', 'seconds', typicalSeconds)],
  ]);
}

interface Chart {
  readonly title: string;
  readonly unit: string;
  readonly pixels: number;
  readonly batches: readonly number[];
}

interface Line {
  readonly name: string;
  readonly colour: string;
  readonly points: readonly { readonly batch: number; readonly value: number }[];
}

function lineChart(
  result: Result,
  { title, unit, pixels, batches }: Chart,
  get: (cell: CellResult) => number,
): Markup {
  const lines = LINES.flatMap(({ side, work, colour }): Line[] => {
    const points = batches.flatMap((batch) => {
      const cell = measured(result, { side, work, batch, pixels });
      return cell ? [{ batch, value: get(cell) }] : [];
    });
    const name = side === 'ours' ? `ours: ${titleOf({ side, work })}` : titleOf({ side, work });
    return points.length === 0 ? [] : [{ name, colour, points }];
  });
  const highest = Math.max(...lines.flatMap(({ points }) => points.map(({ value }) => value)));
  const x = axis(0, Math.max(...batches), LEFT, WIDTH - RIGHT);
  const y = axis(0, highest * 1.05, HEIGHT - BOTTOM, TOP);
  const heading = `${title} (${unit}), ${result.title}, ${pixels} pixels`;
  const placed = labels(lines.map(({ points }) => y.at(points.at(-1)!.value)));
  return html`<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" role="img" aria-label="${heading}">
<style>${new Markup(STYLE)}</style>
<rect class="page" width="${WIDTH}" height="${HEIGHT}"/>
<text class="title" x="${LEFT}" y="24">${heading}</text>
${y.ticks.map((tick) => html`<line class="grid" x1="${LEFT}" x2="${WIDTH - RIGHT}" y1="${y.at(tick)}" y2="${y.at(tick)}"/><text x="${LEFT - 8}" y="${y.at(tick) + 4}" text-anchor="end">${tick}</text>\n`)}
${batches.map((batch) => html`<text x="${x.at(batch)}" y="${HEIGHT - BOTTOM + 20}" text-anchor="middle">${batch}</text>\n`)}
<text x="${(LEFT + WIDTH - RIGHT) / 2}" y="${HEIGHT - 8}" text-anchor="middle">batch</text>
${lines.map(({ name, colour, points }, i) => {
  const at = points.map(({ batch, value }) => [x.at(batch), y.at(value)] as const);
  return html`<polyline class="line" stroke="${colour}" points="${at.map((place) => place.join(',')).join(' ')}"/>${at.map(([cx, cy]) => html`<circle cx="${cx}" cy="${cy}" r="4" fill="${colour}"/>`)}<text x="${WIDTH - RIGHT + 12}" y="${placed[i]! + 4}" style="${`fill: ${colour}`}">${name}</text>\n`;
})}</svg>`;
}

/** Heights for labels beside the ends of lines, moved down where they would touch. */
function labels(heights: readonly number[]): number[] {
  const placed = new Array<number>(heights.length);
  let free = Number.NEGATIVE_INFINITY;
  for (const { height, i } of heights
    .map((height, i) => ({ height, i }))
    .sort((a, b) => a.height - b.height)) {
    placed[i] = Math.max(height, free);
    free = placed[i]! + LINE;
  }
  return placed;
}
