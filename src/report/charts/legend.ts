/** A legend: a column of names with what stands for them. */
import { html, type Markup } from '../html.js';
import { fitted, widest } from './text.js';

export interface LegendEntry {
  readonly name: string;
  /** Drawn around the middle of 24 pixels. */
  symbol(x: number, y: number): Markup;
}

const ROW = 20;
const SYMBOL = 24;
const GAP = 8;
const MOST = 230;

/** Height of the legend's column. */
export const legendHeight = (entries: readonly LegendEntry[]): number => ROW * entries.length;

/** Width of the legend's column; 0 where there is nothing to tell apart. */
export function legendWidth(entries: readonly LegendEntry[]): number {
  if (entries.length === 0) return 0;
  return Math.ceil(
    SYMBOL +
      GAP +
      widest(
        entries.map(({ name }) => name),
        MOST - SYMBOL - GAP,
      ),
  );
}

/** The entries below one another, from the upper left corner. */
export function legend(entries: readonly LegendEntry[], left: number, top: number): Markup {
  return html`${entries.map(({ name, symbol }, i) => {
    const y = top + ROW * i + ROW / 2;
    return html`${symbol(left + SYMBOL / 2, y)}<text class="plain" x="${left + SYMBOL + GAP}" y="${y + 4}">${fitted(name, MOST - SYMBOL - GAP)}</text>\n`;
  })}`;
}
