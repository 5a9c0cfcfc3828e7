/** The training loss, step by step. */
import { significant } from '../format.js';
import { html } from '../html.js';
import type { CurvePoint } from '../report.js';
import { axis } from './axis.js';
import { Chart, WIDTH } from './chart.js';
import { plain } from './numbers.js';

const HEIGHT = 260;
const LEFT = 56;
const RIGHT = 16;
const TOP = 12;
const BOTTOM = 40;
/** The smooth line is a mean over this part of the steps. */
const WINDOW = 1 / 15;
/** Single steps above this quantile are cut off, so that a few do not flatten the rest. */
const SHOWN_QUANTILE = 0.99;

/** The training loss: each step thin, a moving mean thick; nothing of fewer than two steps. */
export function lossChart(points: readonly CurvePoint[]): Chart | undefined {
  if (points.length < 2) return undefined;
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
  const description = `Training loss over ${points.length} steps, from ${significant(smooth[0]!.loss)} to ${significant(smooth.at(-1)!.loss)}`;
  return new Chart(
    WIDTH,
    HEIGHT,
    description,
    html`${y.ticks.map((tick) => html`<line class="grid" x1="${LEFT}" x2="${WIDTH - RIGHT}" y1="${y.at(tick)}" y2="${y.at(tick)}"/><text x="${LEFT - 8}" y="${y.at(tick) + 4}" text-anchor="end">${plain(tick)}</text>`)}
${x.ticks.map((tick) => html`<text x="${x.at(tick)}" y="${HEIGHT - BOTTOM + 18}" text-anchor="middle">${plain(tick)}</text>`)}
<text x="${(LEFT + WIDTH - RIGHT) / 2}" y="${HEIGHT - 4}" text-anchor="middle">step</text>
<polyline class="raw" points="${path(points)}"/>
<polyline class="smooth" points="${path(smooth)}"/>`,
  );
}

/** Means over windows that are centred, and shorter at both ends. */
function movingMean(points: readonly CurvePoint[], window: number): CurvePoint[] {
  const half = Math.floor(window / 2);
  return points.map(({ step }, i) => {
    const near = points.slice(Math.max(0, i - half), i + half + 1);
    return { step, loss: near.reduce((sum, { loss }) => sum + loss, 0) / near.length };
  });
}
