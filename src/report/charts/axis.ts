/** Axes: values to pixels, linear or logarithmic, and where they have ticks. */
import { alike } from './numbers.js';

export interface Axis {
  readonly end: number;
  readonly ticks: readonly number[];
  /** Value → pixel, to a tenth. */
  at(value: number): number;
  /** A tick's value, written as those of the other ticks. */
  text(value: number): string;
}

/** Parts of an axis of results, which are read more closely. */
const VALUE_PARTS = 7;
/** Positive values whose largest is this many times the smallest are shown on a logarithmic axis. */
const MANY_TIMES = 50;
/** Beyond the outermost values, as a share of what they span. */
const MARGIN = 0.06;
/** A setting with no more values than this has a tick at each. */
const MOST_VALUES = 12;

/** Values from `start` to `end` on pixels from `from` to `to`, with ticks at round numbers that make at most `parts` parts. */
export function axis(start: number, end: number, from: number, to: number, parts = 5): Axis {
  const span = end - start || 1;
  const step = niceStep(span / parts);
  const first = Math.ceil(start / step);
  const count = Math.floor(end / step) - first + 1;
  const ticks = Array.from({ length: Math.max(0, count) }, (_, i) => (first + i) * step);
  return {
    end,
    ticks,
    text: alike(ticks, step),
    at: (value) => tenth(from + ((value - start) / span) * (to - from)),
  };
}

/** As `axis`, with equal distances for equal ratios; `start` and `end` are positive, and what is less is at the start. */
function logarithmicAxis(start: number, end: number, from: number, to: number): Axis {
  const span = Math.log(end / start) || 1;
  const ticks: number[] = [];
  for (let power = Math.floor(Math.log10(start)); power <= Math.log10(end); power++) {
    for (const digit of span < Math.log(2000) ? [1, 2, 5] : [1]) ticks.push(Number(`${digit}e${power}`));
  }
  const within = ticks.filter((tick) => tick >= start && tick <= end);
  return {
    end,
    ticks: within,
    text: alike(within),
    at: (value) => tenth(from + (Math.log(Math.max(value, start) / start) / span) * (to - from)),
  };
}

/** A mean, not finite where there is no result, and half the length of its error bar. */
export interface Measured {
  readonly mean: number;
  readonly spread: number;
}

/** Both ends of an error bar; twice the mean where no bar can be drawn. */
export function ends({ mean, spread }: Measured): readonly [low: number, high: number] {
  return Number.isFinite(spread) ? [mean - spread, mean + spread] : [mean, mean];
}

/** An axis with room for all that is finite: logarithmic where means are positive and differ many times. */
export function valueAxis(measured: readonly Measured[], from: number, to: number): Axis {
  const finite = measured.filter(({ mean }) => Number.isFinite(mean));
  if (finite.length === 0) return { ...axis(0, 1, from, to), ticks: [] };
  const logarithmic = differManyTimes(finite.map(({ mean }) => mean));
  const all = finite.flatMap((point) => [point.mean, ...ends(point)]);
  const shown = logarithmic ? all.filter((value) => value > 0) : all;
  const [least, most] = [Math.min(...shown), Math.max(...shown)];
  if (logarithmic) {
    const margin = (most / least) ** MARGIN;
    return logarithmicAxis(least / margin, most * margin, from, to);
  }
  const margin = MARGIN * (most - least || Math.abs(most) || 1);
  return axis(least - margin, most + margin, from, to, VALUE_PARTS);
}

/** Whether all are positive and some are many times as large as others. */
export function differManyTimes(values: readonly number[]): boolean {
  const least = Math.min(...values);
  return least > 0 && Math.max(...values) >= MANY_TIMES * least;
}

/** An axis of a setting, with ticks at the values that it was given where those are few. */
export function settingAxis(values: readonly number[], from: number, to: number): Axis {
  const distinct = distinctSorted(values);
  const [least, most] = [distinct[0] ?? 0, distinct.at(-1) ?? 1];
  const geometric = isGeometric(values);
  const margin = geometric ? (most / least) ** MARGIN : MARGIN * (most - least || Math.abs(most) || 1);
  const made = geometric
    ? logarithmicAxis(least / margin, most * margin, from, to)
    : axis(least - margin, most + margin, from, to);
  return distinct.length <= MOST_VALUES ? { ...made, ticks: distinct, text: alike(distinct) } : made;
}

/** Whether three or more different values are positive and spaced more evenly in ratio than in difference. */
export function isGeometric(values: readonly number[]): boolean {
  const distinct = distinctSorted(values);
  if (distinct.length < 3 || distinct[0]! <= 0) return false;
  const unevenness = (positions: readonly number[]) => {
    const gaps = positions.slice(1).map((position, i) => position - positions[i]!);
    return Math.max(...gaps) / Math.min(...gaps);
  };
  return unevenness(distinct.map(Math.log)) < unevenness(distinct);
}

/** The different finite values, from small to large. */
export function distinctSorted(values: readonly number[]): number[] {
  return [...new Set(values.filter(Number.isFinite))].sort((a, b) => a - b);
}

/** 1, 2 or 5 times a power of ten, at least `step`. */
function niceStep(step: number): number {
  const power = 10 ** Math.floor(Math.log10(step));
  return power * (step <= power ? 1 : step <= 2 * power ? 2 : step <= 5 * power ? 5 : 10);
}

/** Pixels, to a tenth. */
export function tenth(pixels: number): number {
  return Math.round(10 * pixels) / 10;
}
