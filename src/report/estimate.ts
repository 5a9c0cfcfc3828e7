/** A mean and how far to trust it. */

export interface Estimate {
  readonly mean: number;
  /** Standard deviation of the mean: s / √n with s² = Σ (x − x̄)² / (n − 1); 0 of a single value. */
  readonly standardError: number;
}

/** Of independent values, such as one loss a picture. Throws RangeError without values. */
export function estimate(values: readonly number[]): Estimate {
  const count = values.length;
  if (count === 0) throw new RangeError('an estimate needs at least one value');
  const mean = values.reduce((sum, value) => sum + value, 0) / count;
  if (count === 1) return { mean, standardError: 0 };
  const squares = values.reduce((sum, value) => sum + (value - mean) ** 2, 0);
  return { mean, standardError: Math.sqrt(squares / (count - 1) / count) };
}

/** Two measurements of the same things, and what changed: pairs vary far less than the things themselves. */
export function compareEstimates(before: readonly number[], after: readonly number[]) {
  if (before.length !== after.length)
    throw new RangeError(`${before.length} values before and ${after.length} after are no pairs`);
  const change = estimate(after.map((value, i) => value - before[i]!));
  return { before: estimate(before), after: estimate(after), change };
}
