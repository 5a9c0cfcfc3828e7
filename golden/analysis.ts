/** The golden cases analysis/*: singular values, projections and subspaces of matrices, and the exponential fit. */
import {
  amplification,
  fitExponential,
  fitLogarithms,
  type Point,
  qualityOf,
  subspaceSimilarity,
} from '../src/analysis/index.js';
import { type Dense, dense, frobenius, singularValues, svd } from '../src/linalg/index.js';
import { type Tensor, toFloat32 } from '../src/tensor/index.js';
import { GoldenTensors, readDescription } from './case.js';
import { type Check, relMax } from './check.js';
import { DATA } from './sara.js';

interface MatrixDescription {
  ranks: number[];
  grid: number[];
  table8: Record<string, { r?: number[]; norm: number[]; amplification?: number[] }>;
  frobenius: Record<string, number>;
  nuclear: Record<string, number>;
}

const SIGMA = 1e-9;
const PROJECTIONS = 1e-6;

export async function runMatrixCase(folder: string): Promise<Check[]> {
  const { ranks, grid, table8, frobenius: norms, nuclear } = await readDescription<MatrixDescription>(folder);
  const golden = await GoldenTensors.read(folder, DATA);
  const matrix = (name: string) => matrixOf(golden, name);
  const checks: Check[] = Object.entries(norms).map(([name, norm]) => ({
    quantity: `frobenius of ${name}`,
    error: relMax([frobenius(matrix(name))], [norm]),
    tolerance: SIGMA,
  }));
  const sigma = (name: string) => singularValues(matrix(name));
  for (const [quantity, stored] of outputs(golden, 'out.sigma.')) {
    const error = relMax(sigma(quantity.slice('out.sigma.'.length)), stored);
    checks.push({ quantity, error, tolerance: SIGMA });
  }
  for (const [name, sum] of Object.entries(nuclear)) {
    const found = sigma(name === 'P . mask' ? 'masked' : name).reduce((total, value) => total + value, 0);
    checks.push({ quantity: `nuclear norm of ${name}`, error: relMax([found], [sum]), tolerance: SIGMA });
  }
  for (const [name, { r, norm, amplification: factors }] of Object.entries(table8)) {
    const found = await amplification(matrix('P'), matrix(name), r ?? ranks);
    const compare = (what: string, actual: number[], expected: number[]) =>
      checks.push({
        quantity: `table 8, ${what} of ${name}`,
        error: relMax(actual, expected),
        tolerance: PROJECTIONS,
      });
    compare(
      'projections',
      found.map(({ projection }) => projection),
      norm,
    );
    if (factors)
      compare(
        'amplification',
        found.map(({ factor }) => factor),
        factors,
      );
  }
  for (const [quantity, stored] of outputs(golden, 'out.phi.')) {
    const [first, second] = quantity.slice('out.phi.'.length).split(' | ').map(matrix);
    const found = await subspaceSimilarity(svd(first!), svd(second!), grid);
    checks.push({ quantity, error: relMax(found.flat(), stored), tolerance: PROJECTIONS });
  }
  return checks;
}

function outputs(golden: GoldenTensors, start: string): [string, Float64Array][] {
  return [...golden.all]
    .filter(([name]) => name.startsWith(start))
    .map(([name, { data }]) => [name, data as Float64Array]);
}

/** An input by its name, a sum of several ("P+delta1"), or P where the mask is 1. Sums are rounded to float32, as the case's. */
function matrixOf(golden: GoldenTensors, name: string): Dense {
  if (name === 'masked') {
    const mask = golden.get('in.mask').data as Uint8Array;
    return toDense(golden.get('in.P'), (value, i) => value * mask[i]!);
  }
  const [first, ...rest] = name.split('+').map((part) => golden.get(`in.${part}`));
  return toDense(first!, (value, i) =>
    rest.reduce((sum, part) => Math.fround(sum + toFloat32(part)[i]!), value),
  );
}

function toDense(stored: Tensor, change: (value: number, i: number) => number): Dense {
  const [rows, columns] = stored.shape as [number, number];
  return dense(rows, columns, toFloat32(stored).map(change));
}

interface FitDescription {
  points: Point[];
  fits: Record<'least_squares' | 'logarithmic' | 'paper', Record<(typeof FITTED)[number], number>>;
}

const FITTED = ['a', 'b', 'sum_of_squares', 'r_squared'] as const;

export async function runExponentialFitCase(folder: string): Promise<Check[]> {
  const { points, fits } = await readDescription<FitDescription>(folder);
  const found = {
    least_squares: fitExponential(points),
    logarithmic: fitLogarithms(points),
    paper: qualityOf(points, fits.paper.a, fits.paper.b),
  };
  return Object.entries(found).flatMap(([name, { a, b, sumOfSquares, rSquared }]) =>
    [a, b, sumOfSquares, rSquared].map((value, i) => ({
      quantity: `${name}.${FITTED[i]}`,
      error: relMax([value], [fits[name as keyof typeof found][FITTED[i]!]]),
      tolerance: 1e-8,
    })),
  );
}
