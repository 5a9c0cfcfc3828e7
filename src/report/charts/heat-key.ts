/** The key below a heat map: what shades, outline and lines say. */
import { html, type Markup } from '../html.js';
import { shade } from './heat-cell.js';
import { textWidth } from './text.js';

/** A name and what stands for it. */
export interface KeyEntry {
  readonly name: string;
  /** Drawn from x on, 28 pixels wide. */
  symbol(x: number, y: number): Markup;
}

/** What shades and the outline say. */
export const SHADES_KEY: readonly KeyEntry[] = [
  {
    name: 'worse to better',
    symbol: (x, y) =>
      html`${[0, 0.25, 0.5, 0.75, 1].map((share, i) => html`<rect x="${x + 5.6 * i}" y="${y - 6}" width="5.6" height="12" fill="${shade(share)}"/>`)}`,
  },
  {
    name: 'best',
    symbol: (x, y) =>
      twice(
        'best',
        (kind) => html`<rect class="${kind}" x="${x + 6}" y="${y - 6}" width="20" height="12" rx="2"/>`,
      ),
  },
];

/** What a line over the map stands for. */
export function lineKey(kind: string, name: string): KeyEntry {
  return {
    name,
    symbol: (x, y) =>
      twice(kind, (drawn) => html`<polyline class="${drawn}" points="${x},${y} ${x + 28},${y}"/>`),
  };
}

/** The entries beside one another. */
export function keyRow(entries: readonly KeyEntry[], y: number): Markup {
  let x = 4;
  return html`${entries.map(({ name, symbol }) => {
    const entry = html`${symbol(x, y)}<text x="${x + 36}" y="${y + 4}">${name}</text>`;
    x += Math.ceil(36 + textWidth(name) + 20);
    return entry;
  })}`;
}

/** A dark line with a light seam, so that it is seen on every ground. */
export function twice(kind: string, draw: (kind: string) => Markup): Markup {
  return html`${draw('seam')}${draw(kind)}`;
}
