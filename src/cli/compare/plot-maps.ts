/** Maps of two settings, with the curve that was fitted to SaRA's learning rates. */
import { fitExponential } from '../../analysis/index.js';
import { bestPlaces, type Chart, heatMap, plain } from '../../report/index.js';
import { type Dimension, isNumeric, valuesOf } from './plot-dimensions.js';
import type { PlotMetric, PlotRow } from './plots.js';

/** Best learning rates to fit Eq. 5 to: with fewer, every curve fits. */
const LEAST_POINTS = 3;

/** The first setting from left to right, the second from bottom to top. */
export function settingsMap(
  metric: PlotMetric,
  [first, second]: readonly [Dimension, Dimension],
  rows: readonly PlotRow[],
): Chart {
  const columns = { title: first.title, values: valuesOf(first, rows) };
  const across = { title: second.title, values: valuesOf(second, rows) };
  const cells = rows.flatMap((row) => {
    const [column, value] = [first.of(row), second.of(row)];
    const measured = row.metrics[metric.key];
    return column === undefined || value === undefined || !measured
      ? []
      : [{ column, row: value, ...measured }];
  });
  const traced = isNumeric(first, rows) && isNumeric(second, rows);
  const best = bestPlaces(columns, across, cells, metric.better)
    .map(([column, row]) => [Number(columns.values[column]), Number(across.values[row])] as const)
    .filter(([, rate]) => rate > 0);
  const fitted = first.name === 'threshold' && second.name === 'learning-rate' && best.length >= LEAST_POINTS;
  return heatMap({
    ...{ columns, rows: across, cells, traced },
    value: { title: metric.label, better: metric.better },
    ...(fitted && traced ? { curve: exponential(best) } : {}),
  });
}

/** a·eᵇˣ through the best learning rates, the form of the paper's Eq. 5. */
function exponential(points: readonly (readonly [number, number])[]): {
  name: string;
  at(x: number): number;
} {
  const { a, b } = fitExponential(points);
  const name = `fit ${plain(Number(a.toPrecision(3)))}·exp(${plain(Number(b.toPrecision(3)))} θ)`;
  return { name, at: (x) => a * Math.exp(b * x) };
}
