/** What varies among the results of a method, and how it is called in plots. */
import { distinctSorted, type SettingValue } from '../../report/index.js';
import { kebab } from '../../train/settings.js';
import { percent } from './grid.js';
import type { PlotRow } from './plots.js';

/** Something that takes several values: a setting, the scale or the size. */
export interface Dimension {
  readonly kind: 'setting' | 'scale' | 'size';
  /** As it is written at an axis. */
  readonly title: string;
  /** As it stands in a file's name. */
  readonly name: string;
  of(row: PlotRow): SettingValue | undefined;
  label(value: SettingValue): string;
}

const scale: Dimension = {
  kind: 'scale',
  title: 'scale',
  name: 'scale',
  of: (row) => row.scale,
  label: (value) => `scale ${value}`,
};

const size: Dimension = {
  kind: 'size',
  title: 'share of the weights that train',
  name: 'size',
  of: (row) => row.size,
  label: (value) => percent(Number(value)),
};

function setting(key: string): Dimension {
  const name = kebab(key);
  const title = name.replaceAll('-', ' ');
  return {
    ...{ kind: 'setting', title, name },
    of: (row) => row.varied[key],
    label: (value) => `${title} ${value}`,
  };
}

/** What takes two or more values in these rows: settings first, then the scale, then the size. */
export function dimensionsOf(rows: readonly PlotRow[]): Dimension[] {
  const keys = new Set(rows.flatMap(({ varied }) => Object.keys(varied)));
  return [...[...keys].map(setting), scale, size].filter((dimension) => valuesOf(dimension, rows).length > 1);
}

/** The different values in these rows: numbers ascending, others in their order. */
export function valuesOf({ of }: Dimension, rows: readonly PlotRow[]): SettingValue[] {
  const values = [...new Set(rows.map(of))].filter((value) => value !== undefined);
  const numbers = values.filter((value) => typeof value === 'number');
  return numbers.length === values.length ? distinctSorted(numbers) : values;
}

/** Whether it can be the axis of lines. */
export function isNumeric(dimension: Dimension, rows: readonly PlotRow[]): boolean {
  return valuesOf(dimension, rows).every((value) => typeof value === 'number');
}

/** The rows that agree in all of the dimensions, with the names of what they agree in; in the order of the rows. */
export function groupsBy(
  dimensions: readonly Dimension[],
  rows: readonly PlotRow[],
): { readonly names: readonly string[]; readonly rows: readonly PlotRow[] }[] {
  const groups = new Map<string, { names: string[]; rows: PlotRow[] }>();
  for (const row of rows) {
    const names = dimensions.flatMap(({ of, label }) => {
      const value = of(row);
      return value === undefined ? [] : [label(value)];
    });
    const key = JSON.stringify(names);
    if (!groups.has(key)) groups.set(key, { names, rows: [] });
    groups.get(key)!.rows.push(row);
  }
  return [...groups.values()];
}
