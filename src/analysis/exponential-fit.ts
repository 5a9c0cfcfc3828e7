/** Fitting f(x) = a·eᵇˣ to points, as SaRA's learning rate was fitted to thresholds (the paper's appendix, Eq. 5 and Fig. 15). */
import { InputError } from '../errors.js';

export interface ExponentialFit {
  readonly a: number;
  readonly b: number;
  /** Σ (y − f(x))² */
  readonly sumOfSquares: number;
  /** 1 − sumOfSquares / Σ (y − mean y)² */
  readonly rSquared: number;
}

export type Point = readonly [x: number, y: number];

const MOST_STEPS = 200;
/** A step changes a and b by less than this share at the end. */
const CONVERGED = 1e-15;

/** Least squares of ln y = ln a + b·x. Throws InputError unless there are two different x and every y is positive. */
export function fitLogarithms(points: readonly Point[]): ExponentialFit {
  if (new Set(points.map(([x]) => x)).size < 2 || points.some(([, y]) => !(y > 0))) {
    throw new InputError(
      `expected points of at least two different x with positive y for an exponential fit, got ${JSON.stringify(points)}; leave the others out`,
    );
  }
  const logarithms = points.map(([, y]) => Math.log(y));
  const [meanX, meanY] = [mean(points.map(([x]) => x)), mean(logarithms)];
  let covariance = 0;
  let variance = 0;
  points.forEach(([x], i) => {
    covariance += (x - meanX) * (logarithms[i]! - meanY);
    variance += (x - meanX) ** 2;
  });
  const b = covariance / variance;
  return qualityOf(points, Math.exp(meanY - b * meanX), b);
}

/** Least squares of y = a·eᵇˣ, by Gauss–Newton steps from the fit of the logarithms. Throws InputError as that does. */
export function fitExponential(points: readonly Point[]): ExponentialFit {
  let { a, b } = fitLogarithms(points);
  for (let step = 0; step < MOST_STEPS; step++) {
    // In units of a: J = [eᵇˣ, x eᵇˣ], Δ = [Δa/a, Δb].
    const rows = points.map(([x, y]) => {
      const e = Math.exp(b * x);
      return [e, x * e, y / a - e] as const;
    });
    const scale = Math.max(...points.map(([x]) => Math.abs(x)));
    const [first, second] = solve(rows.map(([u, v, r]) => [u, v / scale, r] as const));
    a += a * first;
    b += second / scale;
    if (Math.abs(first) < CONVERGED && Math.abs(second / scale) < CONVERGED * Math.abs(b)) break;
  }
  return qualityOf(points, a, b);
}

/** How well a given curve fits. */
export function qualityOf(points: readonly Point[], a: number, b: number): ExponentialFit {
  const sumOfSquares = points.reduce((sum, [x, y]) => sum + (y - a * Math.exp(b * x)) ** 2, 0);
  const meanY = mean(points.map(([, y]) => y));
  const spread = points.reduce((sum, [, y]) => sum + (y - meanY) ** 2, 0);
  return { a, b, sumOfSquares, rSquared: 1 - sumOfSquares / spread };
}

/** The least squares solution of u·p + v·q = r over the rows, by one step of Gram–Schmidt. */
function solve(rows: readonly (readonly [u: number, v: number, r: number])[]): [p: number, q: number] {
  const dot = (i: 0 | 1 | 2, j: 0 | 1 | 2) => rows.reduce((sum, row) => sum + row[i] * row[j], 0);
  const along = dot(0, 1) / dot(0, 0);
  const across = rows.map(([u, v, r]) => [v - along * u, r] as const);
  const q = across.reduce((sum, [w, r]) => sum + w * r, 0) / across.reduce((sum, [w]) => sum + w * w, 0);
  return [dot(0, 2) / dot(0, 0) - along * q, q];
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}
