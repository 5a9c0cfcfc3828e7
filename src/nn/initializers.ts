/** How new weights are drawn, in PyTorch's terms. */
import type { Shape } from '../graph/index.js';
import { Random, sizeOf } from '../tensor/index.js';

export type Initializer =
  /** All entries equal. */
  | { readonly kind: 'constant'; readonly value: number }
  /** N(0, std²). */
  | { readonly kind: 'normal'; readonly std: number }
  /** U(−1/√fanIn, 1/√fanIn): what torch.nn.Linear and Conv2d draw (Kaiming uniform with a = √5). */
  | { readonly kind: 'fan-in'; readonly fanIn: number };

export const ZEROS: Initializer = { kind: 'constant', value: 0 };
export const ONES: Initializer = { kind: 'constant', value: 1 };

/** Draws a tensor's entries from the stream named by seed and parameter name. */
export function initialTensor(
  initializer: Initializer,
  shape: Shape,
  seed: number,
  name: string,
): Float32Array {
  const count = sizeOf(shape);
  if (initializer.kind === 'constant') return new Float32Array(count).fill(initializer.value);
  const random = new Random(seed, `initialize ${name}`);
  if (initializer.kind === 'normal') return random.normal(count).map((value) => value * initializer.std);
  const bound = 1 / Math.sqrt(initializer.fanIn);
  return random.uniform(count).map((value) => (2 * value - 1) * bound);
}
