/** Two settings against each other: the result of each pair as a colour and a number. */
import { html, type Markup } from '../html.js';
import { type Measured, tenth } from './axis.js';
import { Chart, type Quantity, WIDTH } from './chart.js';
import { BELOW, titleAbove, titleBelow } from './frame.js';
import { cellGround, cellNumbers, NUMBERS, shadesOf } from './heat-cell.js';
import { keyRow, lineKey, SHADES_KEY, twice } from './heat-key.js';
import { bestPlaces, curvePlaces, type Place } from './heat-lines.js';
import { alike } from './numbers.js';
import { bestOf, written } from './results.js';
import { fitted, widest } from './text.js';

export type SettingValue = number | string | boolean;

/** A setting with its values in the order in which they are shown: from left to right, from bottom to top. */
export interface HeatSetting {
  readonly title: string;
  readonly values: readonly SettingValue[];
}

export interface HeatCell extends Measured {
  readonly column: SettingValue;
  readonly row: SettingValue;
}

export interface HeatMapOptions {
  readonly columns: HeatSetting;
  readonly rows: HeatSetting;
  readonly value: Quantity & { readonly better: 'lower' | 'higher' };
  readonly cells: readonly HeatCell[];
  /** Whether a line joins the best of each column. */
  readonly traced?: boolean;
  /** A row's value over columns' values, such as a fit; both are then numbers. */
  readonly curve?: { readonly name: string; at(column: number): number };
}

const NAMES = 150;
const [NARROWEST, WIDEST] = [66, 130];
/** Below the numbers of each cell, for lines. */
const LANE = 14;
/** Room for the titles of the value and of the rows. */
const ABOVE = 50;
const KEY = 24;

/** Darker is better; the best is outlined; cells that diverged are hatched, and cells without a result are grey. */
export function heatMap({ columns, rows, value, cells, traced = false, curve }: HeatMapOptions): Chart {
  const [across, up] = [valuesOf(columns.values), valuesOf(rows.values)];
  const left = Math.ceil(widest(up, NAMES)) + 16;
  const share = (WIDTH - 8 - left) / Math.max(1, columns.values.length);
  const width = Math.floor(Math.max(NARROWEST, Math.min(WIDEST, share)));
  const right = left + width * columns.values.length;
  const height = NUMBERS + (traced || curve ? LANE : 0);
  const bottom = ABOVE + height * rows.values.length;
  const columnAt = (place: number) => left + width * place;
  const rowAt = (place: number) => bottom - height * (place + 1);
  const shadeOf = shadesOf(cells, value.better);
  const numbers = written(cells);
  const placed = columns.values.flatMap((column, i) =>
    rows.values.map((row, j) => {
      const found = cells.findIndex((one) => one.column === column && one.row === row);
      return {
        cell: cells[found],
        numbers: numbers[found],
        box: { x: columnAt(i), y: rowAt(j), width, height },
      };
    }),
  );
  const best = cells[bestOf(cells, value.better)];
  const outlined = placed.find(({ cell }) => cell !== undefined && cell === best)?.box;
  const at = ([column, row]: Place): Pixel => [
    tenth(columnAt(column + 0.5)),
    tenth(rowAt(row) + height - LANE),
  ];
  const trace = traced ? bestPlaces(columns, rows, cells, value.better).map(at) : [];
  const fit = curve ? curvePlaces(columns, rows, curve.at).map(at) : [];
  const key = [
    ...(outlined ? SHADES_KEY : []),
    ...(trace.length > 1 ? [lineKey('trace', 'best of each column')] : []),
    ...(curve && fit.length > 1 ? [lineKey('fit', curve.name)] : []),
  ];
  return new Chart(
    Math.max(WIDTH, right + 8),
    bottom + BELOW + KEY,
    `${value.title} over ${columns.title} and ${rows.title}`,
    html`${titleAbove(value)}<text class="strong" x="4" y="${ABOVE - 10}">${fitted(rows.title, WIDTH - 8)}</text>
${up.map((text, j) => html`<text x="${left - 8}" y="${rowAt(j) + height / 2 + 4}" text-anchor="end">${fitted(text, NAMES)}</text>`)}
${across.map((text, i) => html`<text x="${columnAt(i + 0.5)}" y="${bottom + 18}" text-anchor="middle">${fitted(text, width - 6)}</text>`)}
${titleBelow({ title: columns.title }, { left, right, top: ABOVE, bottom })}
${placed.map(({ cell, box }) => cellGround(cell, box, shadeOf))}
${outlined ? twice('best', (kind) => html`<rect class="${kind}" x="${outlined.x}" y="${outlined.y}" width="${width}" height="${height}" rx="3"/>`) : undefined}
${trace.length > 1 ? polyline('trace', trace) : undefined}
${fit.length > 1 ? polyline('fit', fit) : undefined}
${trace.map(([x, y]) => html`<circle class="stop" cx="${x}" cy="${y}" r="4"/>`)}
${placed.map(({ cell, box, numbers: said }) => cellNumbers(cell, said, box, shadeOf))}
${keyRow(key, bottom + BELOW + 8)}`,
  );
}

type Pixel = readonly [x: number, y: number];

function polyline(kind: string, points: readonly Pixel[]): Markup {
  return twice(
    kind,
    (drawn) =>
      html`<polyline class="${drawn}" points="${points.map((point) => point.join(',')).join(' ')}"/>`,
  );
}

/** How the values of a setting are written. */
function valuesOf(values: readonly SettingValue[]): string[] {
  const text = alike(values.filter((value) => typeof value === 'number'));
  return values.map((value) => (typeof value === 'number' ? text(value) : String(value)));
}
