/** LT-SFT's search: full fine-tuning θ₀ → θ₁, of which only the places of the largest |θ₁ − θ₀| are kept. */
import type { Network } from '../../nn/index.js';
import { AdamW, type AdamWOptions } from '../adamw.js';
import type { Found, Search } from '../search.js';
import { positionsOfLargest } from '../selection.js';
import { baseValues } from '../trained-tensor.js';

export class Movement extends AdamW implements Search {
  constructor(
    network: Network,
    options: AdamWOptions,
    private readonly count: number,
  ) {
    super(network, { ...options, keepBase: true });
  }

  finish(): Found {
    const positions = positionsOfLargest(() => this.distances(), this.count);
    for (const trained of this.tensors) trained.values.set(baseValues(trained));
    return { positions };
  }

  /** |θ₁ − θ₀| up to its sign, weight by weight. */
  private *distances(): Generator<[key: string, Float32Array]> {
    for (const trained of this.tensors) {
      const base = baseValues(trained);
      yield [trained.key, trained.values.map((value, i) => value - base[i]!)];
    }
  }
}
