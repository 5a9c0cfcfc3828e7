/** The one comparison of numbers that tests use. */
import { expect } from 'vitest';

export interface Tolerance {
  /** Allowed relative error, against the expected value. */
  rtol?: number;
  /** Allowed absolute error. */
  atol?: number;
  /** Why the tolerance is looser than rounding would ask for. */
  reason?: string;
}

/** Fails unless |actual − expected| ≤ atol + rtol·|expected| everywhere; names the worst entry. */
export function expectAllclose(
  actual: ArrayLike<number>,
  expected: ArrayLike<number>,
  { rtol = 1e-6, atol = 1e-7 }: Tolerance = {},
): void {
  expect(actual.length, 'number of values').toBe(expected.length);
  let worst = -1;
  let worstExcess = 0;
  for (let i = 0; i < expected.length; i++) {
    const excess = Math.abs(actual[i]! - expected[i]!) - (atol + rtol * Math.abs(expected[i]!));
    if (!(excess <= worstExcess)) {
      worst = i;
      worstExcess = Number.isNaN(excess) ? Number.POSITIVE_INFINITY : excess;
    }
  }
  if (worst >= 0) {
    expect.fail(
      `entry ${worst}: got ${actual[worst]}, expected ${expected[worst]} (rtol ${rtol}, atol ${atol}; ${expected.length} values)`,
    );
  }
}
