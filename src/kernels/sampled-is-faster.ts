/** Which of the two forms of a weight gradient at chosen entries takes less time: sampled, or dense and gathered. */
import type { ConvShape, LinearShape } from './sampled-gradients.js';

/**
 * Nanoseconds on one core with AVX-512, fitted to the layers of Stable Diffusion 1.5 at 256 px with 0.6 to 30 % of their
 * weights chosen; more threads make both forms faster alike.
 */
const NS = {
  /** A call with next to nothing to do. */
  call: 10_000,
  /** Bringing one float of dY or x into shared memory and into its place. */
  pack: 0.9,
  /** A chosen entry, and each of its products. */
  sampledEntry: 2.5,
  sampledProduct: 1 / 10.5,
  /** An entry of the dense gradient, and each of its products. */
  denseEntry: 0.25,
  denseProduct: 1 / 60,
  /** Gathering a chosen entry from the dense gradient. */
  gatheredEntry: 5,
};

/** Whether SampledGradients is faster than the dense gradient for `count` chosen entries. */
export function sampledIsFaster(shape: LinearShape | ConvShape, count: number): boolean {
  const { packed, products, weights } = sizesOf(shape);
  const sampled = NS.call + NS.pack * packed + count * (NS.sampledEntry + products * NS.sampledProduct);
  const dense = weights * (NS.denseEntry + products * NS.denseProduct) + count * NS.gatheredEntry;
  return sampled < dense;
}

/** Floats of dY and x, products of an entry, entries of the weight. */
function sizesOf(shape: LinearShape | ConvShape): { packed: number; products: number; weights: number } {
  const { outputs } = shape;
  if ('rows' in shape) {
    const { rows, inputs } = shape;
    return { packed: rows * (outputs + inputs), products: rows, weights: outputs * inputs };
  }
  const { batch, channels, height, width, kernel, outHeight, outWidth } = shape;
  const products = batch * outHeight * outWidth;
  return {
    packed: products * outputs + batch * channels * height * width,
    products,
    weights: outputs * channels * kernel[0] * kernel[1],
  };
}
