/** An exponential moving average of weights: smoother than the last step's. */
import { float32Array, type Network, type Parameters, parameterInput } from '../nn/index.js';
import { type Tensor, tensor } from '../tensor/index.js';

/** Averages a ← d·a + (1 − d)·w with d = min(decay, (1 + n) / (10 + n)) after n updates, so that early weights fade. */
export class MovingAverage {
  readonly averages: ReadonlyMap<string, Tensor<'float32'>>;
  private readonly current: ReadonlyMap<string, Float32Array>;

  constructor(
    networks: readonly Network[],
    readonly decay: number,
    public updates = 0,
  ) {
    const weights = networks.flatMap((network) =>
      [...network.parameters].map(
        ([key, { shape }]) => [parameterInput(network, key), shape, float32Array(network, key)] as const,
      ),
    );
    this.current = new Map(weights.map(([name, , data]) => [name, data]));
    this.averages = new Map(weights.map(([name, shape, data]) => [name, tensor(shape, data.slice())]));
  }

  update(): void {
    this.updates++;
    const keep = Math.min(this.decay, (1 + this.updates) / (10 + this.updates));
    for (const [name, { data: average }] of this.averages) {
      const weights = this.current.get(name)!;
      for (let i = 0; i < average.length; i++) average[i]! += (1 - keep) * (weights[i]! - average[i]!);
    }
  }

  /** Exchanges weights and averages, in place; once more to go back. */
  exchange(): void {
    for (const [name, { data: average }] of this.averages) {
      const weights = this.current.get(name)!;
      const kept = weights.slice();
      weights.set(average);
      average.set(kept);
    }
  }

  /** The averaged weights of one network, sharing memory with this object. */
  of(network: Network): Parameters {
    return new Map(
      [...network.parameters.keys()].map((key) => [key, this.averages.get(parameterInput(network, key))!]),
    );
  }
}
