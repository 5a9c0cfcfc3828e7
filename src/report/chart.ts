/** Charts as inline SVG, in the colours of the page around them. */
import { significant, withError } from './format.js';
import { html, type Markup } from './html.js';
import type { CurvePoint, LossComparison } from './report.js';

const WIDTH = 720;
const HEIGHT = 260;
const LEFT = 56;
const RIGHT = 16;
const TOP = 12;
const BOTTOM = 40;
/** The smooth line is a mean over this part of the steps. */
const WINDOW = 1 / 15;
/** Single steps above this quantile are cut off, so that a few do not flatten the rest. */
const SHOWN_QUANTILE = 0.99;
const ROW = 32;
const NAMES = 190;

/** The training loss: each step thin, a moving mean thick. */
export function lossChart(points: readonly CurvePoint[]): Markup {
  if (points.length < 2) return html``;
  const smooth = movingMean(points, Math.max(1, Math.round(points.length * WINDOW)));
  const sorted = points.map(({ loss }) => loss).sort((a, b) => a - b);
  const highest = Math.max(
    sorted[Math.floor(SHOWN_QUANTILE * (sorted.length - 1))]!,
    ...smooth.map(({ loss }) => loss),
  );
  const x = axis(points[0]!.step, points.at(-1)!.step, LEFT, WIDTH - RIGHT);
  const y = axis(0, highest * 1.05, HEIGHT - BOTTOM, TOP);
  const path = (line: readonly CurvePoint[]) =>
    line.map(({ step, loss }) => `${x.at(step)},${y.at(Math.min(loss, y.end))}`).join(' ');
  return html`<svg class="chart" viewBox="0 0 ${WIDTH} ${HEIGHT}" role="img" aria-label="${`Training loss over ${points.length} steps, from ${significant(smooth[0]!.loss)} to ${significant(smooth.at(-1)!.loss)}`}">
${y.ticks.map((tick) => html`<line class="grid" x1="${LEFT}" x2="${WIDTH - RIGHT}" y1="${y.at(tick)}" y2="${y.at(tick)}"/><text x="${LEFT - 8}" y="${y.at(tick) + 4}" text-anchor="end">${plain(tick)}</text>`)}
${x.ticks.map((tick) => html`<text x="${x.at(tick)}" y="${HEIGHT - BOTTOM + 18}" text-anchor="middle">${plain(tick)}</text>`)}
<text x="${(LEFT + WIDTH - RIGHT) / 2}" y="${HEIGHT - 4}" text-anchor="middle">step</text>
<polyline class="raw" points="${path(points)}"/>
<polyline class="smooth" points="${path(smooth)}"/>
</svg>`;
}

/** What changed on each set, with its standard error, beside a line at no change. */
export function changeChart(losses: readonly LossComparison[]): Markup {
  if (losses.length === 0) return html``;
  const ends = losses.flatMap(({ change: { mean, standardError } }) => [
    mean - standardError,
    mean + standardError,
  ]);
  const [least, most] = [Math.min(0, ...ends), Math.max(0, ...ends)];
  const margin = 0.08 * (most - least) || 1;
  const x = axis(least - margin, most + margin, NAMES, WIDTH - RIGHT);
  const bottom = losses.length * ROW;
  const spoken = losses.map(({ set, change }) => `${set} ${withError(change)}`);
  return html`<svg class="chart" viewBox="0 0 ${WIDTH} ${bottom + BOTTOM}" role="img" aria-label="${`Change of the loss: ${spoken.join('; ')}`}">
${x.ticks.map((tick) => html`<line class="${tick === 0 ? 'zero' : 'grid'}" x1="${x.at(tick)}" x2="${x.at(tick)}" y1="0" y2="${bottom}"/><text x="${x.at(tick)}" y="${bottom + 18}" text-anchor="middle">${plain(tick)}</text>`)}
<text x="${(NAMES + WIDTH - RIGHT) / 2}" y="${bottom + 36}" text-anchor="middle">change of the loss (left is better; bars: standard error)</text>
${losses.map(({ set, change: { mean, standardError } }, i) => {
  const y = i * ROW + ROW / 2;
  return html`<text x="${NAMES - 12}" y="${y + 4}" text-anchor="end">${set}</text><line class="error" x1="${x.at(mean - standardError)}" x2="${x.at(mean + standardError)}" y1="${y}" y2="${y}"/><circle cx="${x.at(mean)}" cy="${y}" r="5"/>`;
})}
</svg>`;
}

export interface Axis {
  readonly end: number;
  readonly ticks: readonly number[];
  /** Value → pixel, to a tenth. */
  at(value: number): number;
}

/** Values from `start` to `end` on pixels from `from` to `to`, with ticks at round numbers. */
export function axis(start: number, end: number, from: number, to: number): Axis {
  const span = end - start || 1;
  const step = niceStep(span / 5);
  const first = Math.ceil(start / step);
  const count = Math.floor(end / step) - first + 1;
  return {
    end,
    ticks: Array.from({ length: Math.max(0, count) }, (_, i) => (first + i) * step),
    at: (value) => Math.round(10 * (from + ((value - start) / span) * (to - from))) / 10,
  };
}

/** 1, 2 or 5 times a power of ten, at least `step`. */
function niceStep(step: number): number {
  const power = 10 ** Math.floor(Math.log10(step));
  return power * (step <= power ? 1 : step <= 2 * power ? 2 : step <= 5 * power ? 5 : 10);
}

/** Without the digits that floating point adds. */
const plain = (value: number): string => String(Number(value.toPrecision(6)));

/** Means over windows that are centred, and shorter at both ends. */
function movingMean(points: readonly CurvePoint[], window: number): CurvePoint[] {
  const half = Math.floor(window / 2);
  return points.map(({ step }, i) => {
    const near = points.slice(Math.max(0, i - half), i + half + 1);
    return { step, loss: near.reduce((sum, { loss }) => sum + loss, 0) / near.length };
  });
}
