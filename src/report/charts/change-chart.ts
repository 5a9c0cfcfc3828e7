/** How much the loss changed on each set of pictures. */
import { withError } from '../format.js';
import { html } from '../html.js';
import type { LossComparison } from '../report.js';
import { axis } from './axis.js';
import { Chart, WIDTH } from './chart.js';
import { plain } from './numbers.js';

const RIGHT = 16;
const BOTTOM = 40;
const ROW = 32;
const NAMES = 190;

/** What changed on each set, with its standard error, beside a line at no change; nothing of no sets. */
export function changeChart(losses: readonly LossComparison[]): Chart | undefined {
  if (losses.length === 0) return undefined;
  const ends = losses.flatMap(({ change: { mean, standardError } }) => [
    mean - standardError,
    mean + standardError,
  ]);
  const [least, most] = [Math.min(0, ...ends), Math.max(0, ...ends)];
  const margin = 0.08 * (most - least) || 1;
  const x = axis(least - margin, most + margin, NAMES, WIDTH - RIGHT);
  const bottom = losses.length * ROW;
  const spoken = losses.map(({ set, change }) => `${set} ${withError(change)}`);
  const description = `Change of the loss: ${spoken.join('; ')}`;
  return new Chart(
    WIDTH,
    bottom + BOTTOM,
    description,
    html`${x.ticks.map((tick) => html`<line class="${tick === 0 ? 'zero' : 'grid'}" x1="${x.at(tick)}" x2="${x.at(tick)}" y1="0" y2="${bottom}"/><text x="${x.at(tick)}" y="${bottom + 18}" text-anchor="middle">${plain(tick)}</text>`)}
<text x="${(NAMES + WIDTH - RIGHT) / 2}" y="${bottom + 36}" text-anchor="middle">change of the loss (left is better; bars: standard error)</text>
${losses.map(({ set, change: { mean, standardError } }, i) => {
  const y = i * ROW + ROW / 2;
  return html`<text x="${NAMES - 12}" y="${y + 4}" text-anchor="end">${set}</text><line class="error" x1="${x.at(mean - standardError)}" x2="${x.at(mean + standardError)}" y1="${y}" y2="${y}"/><circle class="dot" cx="${x.at(mean)}" cy="${y}" r="5"/>`;
})}`,
  );
}
