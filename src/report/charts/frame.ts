/** What stands around the points of a chart with two axes: grid, numbers and titles. */
import { html, type Markup } from '../html.js';
import { type Axis, tenth } from './axis.js';
import { type Quantity, WIDTH } from './chart.js';
import { BOLD, fitted, textWidth, widest } from './text.js';

/** The pixels that points are drawn in. */
export interface Box {
  readonly left: number;
  readonly right: number;
  readonly top: number;
  readonly bottom: number;
}

/** Room above the box for the title of y, and below it for the numbers and the title of x. */
export const ABOVE = 34;
export const BELOW = 46;
/** Between numbers on an axis, and between an axis and its numbers. */
const GAP = 8;

/** Grid lines at the ticks, their numbers, the title of x below and that of y above. */
export function frame(box: Box, x: Axis, y: Axis, titles: { x: Quantity; y: Quantity }): Markup {
  const { left, right, top, bottom } = box;
  const across = titles.x.label ?? x.text;
  const up = titles.y.label ?? y.text;
  return html`<line class="grid" x1="${left}" x2="${right}" y1="${bottom}" y2="${bottom}"/>
${apart(x, across).map((tick) => html`<line class="grid" x1="${x.at(tick)}" x2="${x.at(tick)}" y1="${top}" y2="${bottom}"/><text x="${x.at(tick)}" y="${bottom + 18}" text-anchor="middle">${across(tick)}</text>`)}
${y.ticks.map((tick) => html`<line class="grid" x1="${left}" x2="${right}" y1="${y.at(tick)}" y2="${y.at(tick)}"/><text x="${left - GAP}" y="${y.at(tick) + 4}" text-anchor="end">${up(tick)}</text>`)}
${titleBelow(titles.x, box)}
${titleAbove(titles.y)}`;
}

/** The quantity's name in the upper left corner. */
export function titleAbove(quantity: Quantity): Markup {
  return html`<text x="4" y="16">${title(quantity, hint(quantity, '↓', '↑'), WIDTH - 8)}</text>`;
}

/** The quantity's name below the middle of an axis across, or as near to it as the picture allows. */
export function titleBelow(quantity: Quantity, { left, right, bottom }: Box): Markup {
  const said = hint(quantity, '←', '→');
  const half = (BOLD * textWidth(quantity.title) + textWidth(said)) / 2;
  const middle = Math.max(half, Math.min((left + right) / 2, WIDTH - 4 - half));
  return html`<text x="${tenth(middle)}" y="${bottom + 38}" text-anchor="middle">${title(quantity, said, WIDTH - 8)}</text>`;
}

function title(quantity: Quantity, said: string, room: number): Markup {
  return html`<tspan class="strong">${fitted(quantity.title, (room - textWidth(said)) / BOLD)}</tspan>${said}`;
}

/** Which direction is better, with an arrow there. */
function hint({ better }: Quantity, lower: string, higher: string): string {
  return better === undefined ? '' : ` ${better === 'lower' ? lower : higher} ${better} is better`;
}

/** Room that the numbers at the left take. */
export function gutter(y: Axis, quantity: Quantity, others: readonly string[] = []): number {
  return Math.ceil(widest([...y.ticks.map(quantity.label ?? y.text), ...others])) + GAP + 4;
}

/** The ticks whose numbers do not run into the one before. */
export function apart(x: Axis, text: (value: number) => string): number[] {
  let end = Number.NEGATIVE_INFINITY;
  return x.ticks.filter((tick) => {
    const half = textWidth(text(tick)) / 2;
    if (x.at(tick) - half < end + GAP) return false;
    end = x.at(tick) + half;
    return true;
  });
}
