/** A cell of a heat map: its ground in a shade of the accent, its number and its spread. */
import { html, type Markup } from '../html.js';
import { differManyTimes, type Measured, tenth } from './axis.js';

export interface CellBox {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}

/** From worst to best. */
const SHADES = ['#fdf5ee', '#f4c3a3', '#d9753f', '#8c3312'] as const;
/** Room for the numbers, from the top of the cell. */
export const NUMBERS = 44;
/** Baselines of a number alone, and of a mean above its spread. */
const [ALONE, MEAN, SPREAD] = [26, 21, 35];
const HATCH = 8;

/**
 * The shade of a result among the results: darker is better, by ratio where the results differ many times. Outliers at the worse end are as
 * light as the worst of the others, so that a few do not flatten the rest.
 */
export function shadesOf(results: readonly Measured[], better: 'lower' | 'higher'): (mean: number) => string {
  const finite = results.map(({ mean }) => mean).filter(Number.isFinite);
  const scale = differManyTimes(finite) ? Math.log : (value: number) => value;
  const badness = (mean: number) => (better === 'lower' ? scale(mean) : -scale(mean));
  const [best, worst] = rangeOf(finite.map(badness));
  return (mean) => shade(worst > best ? (worst - badness(mean)) / (worst - best) : 1);
}

/** From the least to the largest of those at most 1.5 interquartile ranges above the third quartile (Tukey's fence). */
function rangeOf(values: readonly number[]): readonly [number, number] {
  const sorted = [...values].sort((a, b) => a - b);
  const at = (share: number) => sorted[Math.round(share * (sorted.length - 1))]!;
  const fence = at(0.75) + 1.5 * (at(0.75) - at(0.25));
  const [least, most] = [at(0), sorted.findLast((value) => value <= fence)!];
  return [least, most > least ? most : at(1)];
}

/** 0 is the worst, 1 the best. */
export function shade(share: number): string {
  const place = Math.max(0, Math.min(1, share)) * (SHADES.length - 1);
  const first = Math.min(SHADES.length - 2, Math.floor(place));
  const [from, to] = [channels(SHADES[first]!), channels(SHADES[first + 1]!)];
  const mixed = from.map((channel, i) => Math.round(channel + (place - first) * (to[i]! - channel)));
  return `#${mixed.map((channel) => channel.toString(16).padStart(2, '0')).join('')}`;
}

/** Grey without a result, hatched where the result is no number. */
export function cellGround(
  cell: Measured | undefined,
  { x, y, width, height }: CellBox,
  shadeOf: (mean: number) => string,
): Markup {
  const place = html`x="${x + 1}" y="${y + 1}" width="${width - 2}" height="${height - 2}" rx="2"`;
  if (cell && Number.isFinite(cell.mean)) return html`<rect ${place} fill="${shadeOf(cell.mean)}"/>\n`;
  const hatch = cell && html`<path class="hatch" d="${hatching(x + 1, y + 1, width - 2, height - 2)}"/>`;
  return html`<rect class="none" ${place}/>${hatch}\n`;
}

/** The numbers, with an edge in the cell's colour so that lines may pass below them. */
export function cellNumbers(
  cell: Measured | undefined,
  numbers: { readonly mean: string; readonly spread: string } | undefined,
  { x, y, width, height }: CellBox,
  shadeOf: (mean: number) => string,
): Markup {
  const line = (text: string, baseline: number, attributes: Markup) =>
    html`<text ${attributes} x="${tenth(x + width / 2)}" y="${y + baseline}" text-anchor="middle">${text}</text>`;
  if (!cell || !numbers) return html`${line('–', height / 2 + 4, html`class="small"`)}\n`;
  const { mean, spread } = numbers;
  if (!Number.isFinite(cell.mean))
    return html`${line(mean, height / 2 + 4, html`class="small over-hatch"`)}\n`;
  const ground = shadeOf(cell.mean);
  const kind = (size: string) =>
    html`class="${size} ${isDark(ground) ? 'on-dark' : 'on-light'}" stroke="${ground}"`;
  if (spread === '') return html`${line(mean, ALONE, kind('value'))}\n`;
  return html`${line(mean, MEAN, kind('value'))}${line(`± ${spread}`, SPREAD, kind('value small'))}\n`;
}

/** Lines at 45° that fill a rectangle. */
function hatching(left: number, top: number, width: number, height: number): string {
  let path = '';
  for (let sum = HATCH; sum < width + height; sum += HATCH) {
    const [x1, y1] = [Math.max(0, sum - height), Math.min(sum, height)];
    const [x2, y2] = [Math.min(width, sum), Math.max(0, sum - width)];
    path += `M${left + x1} ${top + y1}L${left + x2} ${top + y2}`;
  }
  return path;
}

/** Whether white is read better on the colour than black, by WCAG's relative luminance. */
function isDark(colour: string): boolean {
  const [red, green, blue] = channels(colour).map((channel) => {
    const value = channel / 255;
    return value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
  }) as [number, number, number];
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue < 0.2;
}

function channels(colour: string): [number, number, number] {
  return [1, 3, 5].map((start) => Number.parseInt(colour.slice(start, start + 2), 16)) as [
    number,
    number,
    number,
  ];
}
