/** The Fréchet distance between the Gaussians of two sets of features, which is FID where Inception made them. */
import { type Dense, frobenius, product, qr, rowMean, singularValues } from '../linalg/index.js';

/** Of features [n, d]: their mean, and a matrix whose square FᵀF is their unbiased covariance. */
interface Moments {
  readonly mean: Float64Array;
  readonly factor: Dense;
}

/**
 * ‖μ₁ − μ₂‖² + tr Σ₁ + tr Σ₂ − 2 tr √(Σ₁Σ₂) with unbiased covariances and nothing added to them (Heusel et al. 2017), of
 * features [n₁, d] and [n₂, d], n ≥ 2.
 *
 * With Σ = FᵀF, tr √(Σ₁Σ₂) is the sum of the singular values of F₁F₂ᵀ. That needs no square root of a covariance, is
 * exact also where there are fewer pictures than features, and the matrix is then only as large as their number.
 */
export async function frechetDistance(first: Dense, second: Dense): Promise<number> {
  const [a, b] = [moments(first), moments(second)];
  const shift = a.mean.reduce((sum, value, i) => sum + (value - b.mean[i]!) ** 2, 0);
  const cross = await product(a.factor, b.factor, { transposeB: true });
  const common = singularValues(cross).reduce((sum, value) => sum + value, 0);
  return shift + frobenius(a.factor) ** 2 + frobenius(b.factor) ** 2 - 2 * common;
}

function moments(features: Dense): Moments {
  const { rows, columns, data } = features;
  const mean = rowMean(features);
  const root = Math.sqrt(rows - 1);
  const centred = { rows, columns, data: data.map((value, i) => (value - mean[i % columns]!) / root) };
  return { mean, factor: rows > columns ? qr(centred).r : centred };
}
