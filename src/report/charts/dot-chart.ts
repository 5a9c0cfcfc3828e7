/** A row for each method: its mean, with a bar for its spread, and the numbers. */
import { html, type Markup } from '../html.js';
import { type Axis, ends, type Measured, valueAxis } from './axis.js';
import { Chart, type Quantity, WIDTH } from './chart.js';
import { apart, BELOW, titleBelow } from './frame.js';
import { colourOf, cross, marker } from './palette.js';
import { bestOf, written } from './results.js';
import { BOLD, fitted, widest } from './text.js';

export interface Dot extends Measured {
  readonly name: string;
  /** Its place in the order of colours; its own place in the list unless given. */
  readonly colour?: number;
}

const ROW = 26;
const TOP = 8;
const NAMES = 230;

/** Rows in the order given; the best is marked. */
export function dotChart(quantity: Quantity, dots: readonly Dot[]): Chart {
  const numbers = written(dots).map(({ mean, spread }) => (spread === '' ? mean : `${mean} ± ${spread}`));
  const left = 20 + Math.ceil(Math.min(NAMES, BOLD * widest(dots.map(({ name }) => name))));
  const right = WIDTH - 32 - Math.ceil(BOLD * widest(numbers));
  const bottom = TOP + ROW * Math.max(1, dots.length);
  const x = valueAxis(dots, left, right);
  const text = quantity.label ?? x.text;
  const best = bestOf(dots, quantity.better);
  const worse = quantity.better === 'higher' ? left + 8 : right - 8;
  const description = `${quantity.title}: ${dots.map(({ name }, i) => `${name} ${numbers[i]}`).join('; ')}`;
  return new Chart(
    WIDTH,
    bottom + BELOW,
    description,
    html`${best < 0 ? undefined : html`<rect class="row" x="0" width="${WIDTH}" y="${TOP + ROW * best}" height="${ROW}" rx="4"/>`}
${apart(x, text).map((tick) => html`<line class="grid" x1="${x.at(tick)}" x2="${x.at(tick)}" y1="${TOP}" y2="${bottom}"/><text x="${x.at(tick)}" y="${bottom + 18}" text-anchor="middle">${text(tick)}</text>`)}
${titleBelow(quantity, { left, right, top: TOP, bottom })}
${dots.map((dot, i) => {
  const y = TOP + ROW * i + ROW / 2;
  const kind = i === best ? 'strong' : 'plain';
  return html`<text class="${kind}" x="${left - 12}" y="${y + 4}" text-anchor="end">${fitted(dot.name, NAMES / BOLD)}</text>${mark(dot, dot.colour ?? i, x, y, worse)}<text class="${kind}" x="${WIDTH - 8}" y="${y + 4}" text-anchor="end">${numbers[i]}</text>
`;
})}`,
  );
}

function mark(dot: Dot, place: number, x: Axis, y: number, worse: number): Markup {
  if (!Number.isFinite(dot.mean)) return cross(place, worse, y);
  const [low, high] = ends(dot);
  const bar = html`<line class="bar" stroke="${colourOf(place)}" x1="${x.at(low)}" x2="${x.at(high)}" y1="${y}" y2="${y}"/>`;
  return html`${low < high ? bar : undefined}${marker(place, x.at(dot.mean), y, 5)}`;
}
