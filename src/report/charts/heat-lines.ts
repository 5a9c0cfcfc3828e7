/** Lines over a heat map, in places of columns and rows: 0 is the middle of the first, 1 that of the second. */
import { isGeometric } from './axis.js';
import type { HeatCell, HeatSetting, SettingValue } from './heat-map.js';
import { bestOf } from './results.js';

export type Place = readonly [column: number, row: number];

const CURVE_POINTS = 100;

/** The best cell of each column that has results. */
export function bestPlaces(
  columns: HeatSetting,
  rows: HeatSetting,
  cells: readonly HeatCell[],
  better: 'lower' | 'higher',
): Place[] {
  return columns.values.flatMap((value, column) => {
    const inColumn = cells.filter((cell) => cell.column === value);
    const best = inColumn[bestOf(inColumn, better)];
    return best ? [[column, rows.values.indexOf(best.row)] as const] : [];
  });
}

/** A curve through the middles of the outer columns, as far as it stays on the map; nothing where settings are not numbers. */
export function curvePlaces(
  columns: HeatSetting,
  rows: HeatSetting,
  at: (column: number) => number,
): Place[] {
  const [xs, ys] = [numbersOf(columns.values), numbersOf(rows.values)];
  if (!xs || !ys) return [];
  return Array.from({ length: CURVE_POINTS + 1 }, (_, i) => {
    const column = (i / CURVE_POINTS) * (xs.length - 1);
    return [column, placeOf(at(valueAt(column, xs)), ys)] as const;
  }).filter(([, row]) => row >= -0.5 && row <= ys.length - 0.5);
}

/** Where a value lies among ascending values: between two as on a line, by ratio where the values are spaced so. */
export function placeOf(value: number, values: readonly number[]): number {
  const scale = scaleOf(values);
  const [scaled, position] = [values.map(scale), scale(value)];
  const after = scaled.findIndex((other) => other > position);
  const first = Math.max(0, Math.min(scaled.length - 2, (after < 0 ? scaled.length : after) - 1));
  return first + (position - scaled[first]!) / (scaled[first + 1]! - scaled[first]!);
}

/** The value at a place, the inverse of `placeOf` within the outer values. */
function valueAt(place: number, values: readonly number[]): number {
  const first = Math.min(values.length - 2, Math.floor(place));
  const [low, high] = [values[first]!, values[first + 1]!];
  const share = place - first;
  return isGeometric(values) ? low * (high / low) ** share : low + share * (high - low);
}

const scaleOf = (values: readonly number[]) => (isGeometric(values) ? Math.log : (value: number) => value);

/** Two or more ascending numbers, or undefined. */
function numbersOf(values: readonly SettingValue[]): readonly number[] | undefined {
  const numbers = values.filter((value) => typeof value === 'number');
  const ascending = numbers.every((value, i) => i === 0 || value > numbers[i - 1]!);
  return numbers.length === values.length && numbers.length > 1 && ascending ? numbers : undefined;
}
