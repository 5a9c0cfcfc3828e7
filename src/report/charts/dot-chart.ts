/** A row for each method: its mean, with a bar for its spread, and the numbers. */
import { significant, withError } from '../format.js';
import { html, type Markup } from '../html.js';
import { type Axis, differManyTimes, ends, type Measured, signed, valueAxis } from './axis.js';
import { bestOf, digitsFor } from './best.js';
import { Chart, type Quantity, WIDTH } from './chart.js';
import { BELOW, titleBelow } from './frame.js';
import { colourOf, cross, marker } from './palette.js';
import { fitted, widest } from './text.js';

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
  const numbers = numbersOf(dots);
  const left =
    24 +
    Math.ceil(
      widest(
        dots.map(({ name }) => name),
        NAMES,
      ),
    );
  const right = WIDTH - 32 - Math.ceil(widest(numbers));
  const bottom = TOP + ROW * Math.max(1, dots.length);
  const x = valueAxis(dots, left, right);
  const best = bestOf(dots, quantity.better);
  const worse = quantity.better === 'higher' ? left + 8 : right - 8;
  const description = `${quantity.title}: ${dots.map(({ name }, i) => `${name} ${numbers[i]}`).join('; ')}`;
  return new Chart(
    WIDTH,
    bottom + BELOW,
    description,
    html`${best < 0 ? undefined : html`<rect class="row" x="0" width="${WIDTH}" y="${TOP + ROW * best}" height="${ROW}" rx="4"/>`}
${x.ticks.map((tick) => html`<line class="grid" x1="${x.at(tick)}" x2="${x.at(tick)}" y1="${TOP}" y2="${bottom}"/><text x="${x.at(tick)}" y="${bottom + 18}" text-anchor="middle">${(quantity.label ?? x.text)(tick)}</text>`)}
${titleBelow(quantity, { left, right, top: TOP, bottom })}
${dots.map((dot, i) => {
  const y = TOP + ROW * i + ROW / 2;
  const kind = i === best ? 'strong' : 'plain';
  return html`<text class="${kind}" x="${left - 12}" y="${y + 4}" text-anchor="end">${fitted(dot.name, NAMES)}</text>${mark(dot, dot.colour ?? i, x, y, worse)}<text class="${kind}" x="${WIDTH - 8}" y="${y + 4}" text-anchor="end">${numbers[i]}</text>
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

/** Means and spreads to the same digit, at which the usual spread begins to matter; by itself each where means differ many times. */
function numbersOf(dots: readonly Dot[]): string[] {
  const means = dots.map(({ mean }) => mean).filter(Number.isFinite);
  const spreads = dots.map(({ spread }) => spread).filter((spread) => spread > 0 && Number.isFinite(spread));
  const usual = spreads.sort((a, b) => a - b)[Math.floor(spreads.length / 2)];
  const digits = digitsFor(means);
  const decimals = usual === undefined ? 0 : Math.min(6, Math.max(0, 1 - Math.floor(Math.log10(usual))));
  return dots.map(({ mean, spread }) => {
    if (!Number.isFinite(mean)) return 'diverged';
    if (usual === undefined) return signed(significant(mean, digits));
    if (differManyTimes(means)) return withError({ mean, standardError: spread });
    return signed(mean.toFixed(decimals)) + (Number.isFinite(spread) ? ` ± ${spread.toFixed(decimals)}` : '');
  });
}
