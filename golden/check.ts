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
