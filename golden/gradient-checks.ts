/** Comparison of a network's gradients with the golden ones: the worst tensor, all together, and those that are zero. */
import { type Tensor, toFloat32 } from '../src/tensor/index.js';
import { type Check, relMax } from './check.js';

type Tensors = ReadonlyMap<string, Tensor>;

export interface GradientTolerances {
  /** Of each tensor: largest difference / largest value. */
  each: number;
  /** Of all tensors as one vector: ‖difference‖ / ‖expected‖. */
  all: number;
}

/**
 * Compares every `grad.*` tensor of a case with the computed one of the same name; a missing one counts as infinitely
 * wrong. Those in `zero` are zero in exact arithmetic: their entries must be small beside the largest of all gradients.
 */
export function gradientChecks(
  actual: Tensors,
  expected: Tensors,
  zero: ReadonlySet<string>,
  tolerances: GradientTolerances,
): Check[] {
  const names = [...expected.keys()].filter((name) => name.startsWith('grad.'));
  const valuesOf = (tensors: Tensors, name: string) => toFloat32(tensors.get(name) ?? NOTHING);
  const pairs = names.map((name) => ({
    name,
    got: valuesOf(actual, name),
    want: valuesOf(expected, name),
  }));
  const isZero = ({ name }: { name: string }) => zero.has(name);

  const ranked = pairs
    .filter((pair) => !isZero(pair))
    .map(({ name, got, want }) => ({ quantity: name, error: relMax(got, want), tolerance: tolerances.each }))
    .sort((a, b) => b.error - a.error);
  const worst = ranked[0];
  if (!worst) return [];
  const checks: Check[] = [
    { ...worst, quantity: `worst of ${ranked.length} gradients (${worst.quantity})` },
    { quantity: 'all gradients, relative L2', error: relativeL2(pairs), tolerance: tolerances.all },
  ];
  const zeros = pairs.filter(isZero);
  if (zeros.length > 0) {
    const error = largestOf(zeros.map(({ got }) => got)) / largestOf(pairs.map(({ want }) => want));
    checks.push({ quantity: `${zeros.length} gradients that are zero`, error, tolerance: 1e-5 });
  }
  return checks;
}

const NOTHING: Tensor = { dtype: 'float32', shape: [0], data: new Float32Array(0) };

function relativeL2(pairs: readonly { got: Float32Array; want: Float32Array }[]): number {
  let error = 0;
  let norm = 0;
  for (const { got, want } of pairs) {
    want.forEach((value, i) => {
      // A missing entry makes the sum NaN, which no tolerance admits.
      error += (got[i]! - value) ** 2;
      norm += value ** 2;
    });
  }
  return Math.sqrt(error / norm);
}

function largestOf(arrays: readonly Float32Array[]): number {
  return arrays.reduce((all, array) => array.reduce((max, value) => Math.max(max, Math.abs(value)), all), 0);
}
