/** One comparison of a computed quantity with the golden one, and the measure of error that the golden data uses. */

export interface Check {
  /** What was compared, as the case names it. */
  quantity: string;
  error: number;
  /** The check passes where error ≤ tolerance; NaN never does. */
  tolerance: number;
}

/** max|actual − expected| / max|expected|, or the absolute error where everything expected is zero; Infinity for other lengths. */
export function relMax(actual: ArrayLike<number>, expected: ArrayLike<number>): number {
  if (actual.length !== expected.length) return Number.POSITIVE_INFINITY;
  let worst = 0;
  let largest = 0;
  for (let i = 0; i < expected.length; i++) {
    worst = Math.max(worst, Math.abs(actual[i]! - expected[i]!));
    largest = Math.max(largest, Math.abs(expected[i]!));
  }
  return largest > 0 ? worst / largest : worst;
}

/** max|actual − expected|; Infinity for other lengths. */
export function absMax(actual: ArrayLike<number>, expected: ArrayLike<number>): number {
  if (actual.length !== expected.length) return Number.POSITIVE_INFINITY;
  let worst = 0;
  for (let i = 0; i < expected.length; i++) worst = Math.max(worst, Math.abs(actual[i]! - expected[i]!));
  return worst;
}

/** How many entries differ; all of them where the lengths do. */
export function mismatches(actual: ArrayLike<unknown>, expected: ArrayLike<unknown>): number {
  if (actual.length !== expected.length) return Math.max(actual.length, expected.length);
  let count = 0;
  for (let i = 0; i < expected.length; i++) if (actual[i] !== expected[i]) count++;
  return count;
}

/** What at least 99 % of the absolute differences, 99.9 % and all of them must not exceed. */
export interface Bounds {
  readonly p99: number;
  readonly 'p99.9': number;
  readonly max: number;
}

/** One check for each bound. Entries within `rtol` of the expected value count as equal. */
export function boundsChecks(
  quantity: string,
  actual: Float32Array,
  expected: Float32Array,
  bounds: Bounds,
  rtol = 0,
): Check[] {
  const differences =
    actual.length === expected.length
      ? actual.map((value, i) => {
          const difference = Math.abs(value - expected[i]!);
          return difference <= rtol * Math.abs(expected[i]!) ? 0 : difference;
        })
      : Float32Array.of(Number.POSITIVE_INFINITY);
  // Typed arrays sort NaN last, where the check of all entries finds it.
  differences.sort();
  const within = (share: number) => differences[Math.max(0, Math.ceil(share * differences.length) - 1)] ?? 0;
  return [
    { quantity: `${quantity}, 99 %`, error: within(0.99), tolerance: bounds.p99 },
    { quantity: `${quantity}, 99.9 %`, error: within(0.999), tolerance: bounds['p99.9'] },
    { quantity: `${quantity}, all`, error: within(1), tolerance: bounds.max },
  ];
}
