/** One weight and what adapters change of it: sizes, spectra, amplification and the spaces of leading directions. */
import { type Dense, frobenius, svd } from '../linalg/index.js';
import { type Amplification, amplification, subspaceSimilarity } from './subspaces.js';

export interface ChangeAnalysis {
  /** ‖ΔP‖ and ‖ΔP‖_*, the sums of squared singular values (under a root) and of singular values. */
  readonly frobenius: number;
  readonly nuclear: number;
  /** Leading singular values of ΔP, as many as the largest rank. */
  readonly spectrum: readonly number[];
  /** For each rank (the paper's Table 8). */
  readonly amplification: readonly Amplification[];
  /** φ(r, r) of P + ΔP and P for each rank: how far the leading directions stay what they were. */
  readonly kept: readonly number[];
}

export interface LayerAnalysis {
  readonly ranks: readonly number[];
  /** Of the weight P itself. */
  readonly frobenius: number;
  readonly nuclear: number;
  readonly spectrum: readonly number[];
  readonly changes: readonly ChangeAnalysis[];
  /** φ(r, r) of the first two changes for each rank (Eq. 4); none where there is one change. */
  readonly similarity: readonly number[] | undefined;
}

/** Of a weight P [m, n] and its changes ΔP; ranks beyond the smaller side are left out. */
export async function analyzeLayer(
  weight: Dense,
  changes: readonly Dense[],
  ranks: readonly number[],
): Promise<LayerAnalysis> {
  const within = ranks.filter((rank) => rank <= Math.min(weight.rows, weight.columns));
  const shown = Math.max(0, ...within);
  const base = svd(weight);
  const decomposed = changes.map(svd);
  const equalRanks = async (first: Pick<typeof base, 'left'>, second: Pick<typeof base, 'left'>) =>
    (await subspaceSimilarity(first, second, within)).map((row, i) => row[i]!);
  const analyses: ChangeAnalysis[] = [];
  for (const [i, change] of changes.entries()) {
    const { values } = decomposed[i]!;
    const sum = { ...weight, data: weight.data.map((value, at) => value + change.data[at]!) };
    analyses.push({
      frobenius: frobenius(change),
      nuclear: total(values),
      spectrum: [...values.subarray(0, shown)],
      amplification: await amplification(weight, change, within, decomposed[i]),
      kept: await equalRanks(svd(sum), base),
    });
  }
  const [first, second] = decomposed;
  return {
    ranks: within,
    frobenius: frobenius(weight),
    nuclear: total(base.values),
    spectrum: [...base.values.subarray(0, shown)],
    changes: analyses,
    similarity: first && second ? await equalRanks(first, second) : undefined,
  };
}

function total(values: Float64Array): number {
  return values.reduce((sum, value) => sum + value, 0);
}
