/** Which of the two forms of a weight gradient at chosen entries takes less time: sampled, or dense and gathered. */
import type { ConvShape, LinearShape } from './sampled-gradients.js';

/** Whether SampledGradients is faster than the dense gradient for `count` chosen entries. */
export function sampledIsFaster(shape: LinearShape | ConvShape, count: number): boolean {
  const weights =
    'rows' in shape
      ? shape.outputs * shape.inputs
      : shape.outputs * shape.channels * shape.kernel[0] * shape.kernel[1];
  return count < 0.12 * weights;
}
