/** How the directions of one matrix lie among those of another: the paper's Table 8 and Eq. 4. */
import { type Dense, frobenius, product, type Svd, svd } from '../linalg/index.js';

/** A change of a weight, seen in the directions in which it acts most. */
export interface Amplification {
  /** Leading directions. */
  readonly rank: number;
  /** ‖UᵣᵀP Vᵣ‖, how much of the weight P lies in the leading directions U, V of the change. */
  readonly projection: number;
  /** ‖ΔP‖ over that: by how much the change amplifies what was there. */
  readonly factor: number;
}

/** Of the change ΔP of a weight P, both [m, n], for each rank; a rank beyond the smaller side is taken as that. */
export async function amplification(
  weight: Dense,
  change: Dense,
  ranks: readonly number[],
  { left, right }: Svd = svd(change),
): Promise<Amplification[]> {
  const norm = frobenius(change);
  // UᵀP V in all directions; its upper left block is that of the leading ones.
  const turned = await product(await product(left, weight, { transposeA: true }), right);
  return ranks.map((asked) => {
    const rank = Math.min(asked, left.columns);
    const projection = Math.sqrt(blockSquares(turned, rank, rank));
    return { rank, projection, factor: norm / projection };
  });
}

/**
 * φ(rᵢ, rⱼ) = ‖U₁[:, :rᵢ]ᵀ U₂[:, :rⱼ]‖² / min(rᵢ, rⱼ) for every pair of ranks, with the left singular vectors: 1 where
 * one space of leading directions holds the other, 0 where they are at right angles. Ranks are at most the smaller side.
 */
export async function subspaceSimilarity(
  first: Pick<Svd, 'left'>,
  second: Pick<Svd, 'left'>,
  ranks: readonly number[],
): Promise<number[][]> {
  const cosines = await product(first.left, second.left, { transposeA: true });
  return ranks.map((i) => ranks.map((j) => blockSquares(cosines, i, j) / Math.min(i, j)));
}

/** The sum of the squares in the upper left block. */
function blockSquares({ columns, data }: Dense, height: number, width: number): number {
  let squares = 0;
  for (let i = 0; i < height; i++) for (let j = 0; j < width; j++) squares += data[i * columns + j]! ** 2;
  return squares;
}
