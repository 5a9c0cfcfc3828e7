/** Comparing all gradients of a golden case with computed ones. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Tensor } from '../src/tensor/index.js';
import { type Check, relMax } from './check.js';

const PREFIX = 'grad.';

export interface GradientTolerance {
  /** Of each gradient, relative to its largest value. */
  each: number;
  /** Of all gradients together, relative L2. */
  all?: number;
}

/**
 * One check for each `grad.…` of the case. Gradients that are zero in exact arithmetic hold rounding alone: they are
 * measured against the largest value of all gradients, at the same tolerance.
 */
export async function gradientChecks(
  folder: string,
  expected: ReadonlyMap<string, Tensor>,
  actual: ReadonlyMap<string, Float32Array>,
  tolerance: GradientTolerance,
): Promise<Check[]> {
  const description = JSON.parse(await readFile(join(folder, 'case.json'), 'utf8'));
  const zeros = new Set<string>(
    description.float32_against_float64?.gradients?.zero_in_exact_arithmetic ?? [],
  );
  const names = [...expected.keys()].filter((name) => name.startsWith(PREFIX));
  const wanted = (name: string) => expected.get(name)!.data as Float32Array;
  const largest = Math.max(...names.map((name) => magnitude(wanted(name))));
  let squares = 0;
  let total = 0;
  const checks = names.map((name): Check => {
    const want = wanted(name);
    const got = actual.get(name.slice(PREFIX.length)) ?? new Float32Array(0);
    want.forEach((value, i) => {
      squares += (got[i]! - value) ** 2;
      total += value ** 2;
    });
    const error =
      zeros.has(name) && got.length === want.length ? magnitude(got) / largest : relMax(got, want);
    return { quantity: name, error, tolerance: tolerance.each };
  });
  if (tolerance.all === undefined) return checks;
  const error = Math.sqrt(squares / total);
  return [...checks, { quantity: 'all gradients, L2', error, tolerance: tolerance.all }];
}

function magnitude(values: Float32Array): number {
  return values.reduce((largest, value) => Math.max(largest, Math.abs(value)), 0);
}
