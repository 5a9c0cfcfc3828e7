/** The kernel distance between two sets of features (Bińkowski et al. 2018), KID where Inception made them: unbiased for small sets. */
import { type Dense, product } from '../linalg/index.js';
import { Random } from '../tensor/index.js';

export interface KernelDistance {
  readonly mean: number;
  /** Over the subsets; 0 where there is one. */
  readonly standardDeviation: number;
  readonly subsets: number;
  /** Pictures of each set in a subset. */
  readonly size: number;
}

/** As torch-fidelity has them. */
const SUBSETS = 100;
const SUBSET_SIZE = 1000;

/**
 * The mean of the squared maximum mean discrepancy over random subsets of 1000 pictures, or of as many as the smaller set
 * has; where both sets are as small as that, of the whole sets.
 */
export async function kernelDistance(first: Dense, second: Dense, seed = 0): Promise<KernelDistance> {
  const size = Math.min(SUBSET_SIZE, first.rows, second.rows);
  const subsets = size === first.rows && size === second.rows ? 1 : SUBSETS;
  const distances: number[] = [];
  for (let i = 0; i < subsets; i++) {
    const draw = (from: Dense, name: string) =>
      subset(from, new Random(seed, name, i).permutation(from.rows).subarray(0, size));
    distances.push(await squaredDiscrepancy(draw(first, 'first'), draw(second, 'second')));
  }
  const mean = distances.reduce((sum, value) => sum + value, 0) / subsets;
  const variance = distances.reduce((sum, value) => sum + (value - mean) ** 2, 0) / subsets;
  return { mean, standardDeviation: Math.sqrt(variance), subsets, size };
}

/** The rows of these indices. */
export function subset({ columns, data }: Dense, indices: ArrayLike<number>): Dense {
  const out = new Float64Array(indices.length * columns);
  for (let i = 0; i < indices.length; i++) {
    out.set(data.subarray(indices[i]! * columns, (indices[i]! + 1) * columns), i * columns);
  }
  return { rows: indices.length, columns, data: out };
}

/**
 * The unbiased estimate of the squared maximum mean discrepancy between as many rows of both [m, d], with the kernel
 * (x·y / d + 1)³: the mean over pairs of different rows within each set, less twice the mean over pairs across.
 */
export async function squaredDiscrepancy(first: Dense, second: Dense): Promise<number> {
  const [xx, yy, xy] = [
    await kernel(first, first),
    await kernel(second, second),
    await kernel(first, second),
  ];
  const count = first.rows;
  const within = sum(xx) - trace(xx) + sum(yy) - trace(yy);
  return within / (count * (count - 1)) - (2 * sum(xy)) / (count * count);
}

async function kernel(a: Dense, b: Dense): Promise<Dense> {
  const products = await product(a, b, { transposeB: true });
  return { ...products, data: products.data.map((value) => (value / a.columns + 1) ** 3) };
}

const sum = ({ data }: Dense): number => data.reduce((total, value) => total + value, 0);

const trace = ({ rows, columns, data }: Dense): number => {
  let total = 0;
  for (let i = 0; i < rows; i++) total += data[i * columns + i]!;
  return total;
};
