/** Numbers beside the network that AdamW trains. */
import { type AdamWUpdate, adamwUpdate } from '../../kernels/index.js';
import { type Tensor, tensorOf } from '../../tensor/index.js';
import { storedFloats } from '../stored-floats.js';

export class Variable {
  readonly values: Float32Array;
  private readonly mean: Float32Array;
  private readonly square: Float32Array;

  constructor(size: number, start: number) {
    this.values = new Float32Array(size).fill(start);
    this.mean = new Float32Array(size);
    this.square = new Float32Array(size);
  }

  update(gradient: Float32Array, constants: AdamWUpdate): void {
    adamwUpdate({ weights: this.values, gradient, mean: this.mean, square: this.square }, constants);
  }

  /** Adds values and moments to an optimizer's state; the arrays themselves. */
  store(name: string, into: Map<string, Tensor>): void {
    for (const [part, data] of Object.entries(this.parts))
      into.set(`${part} of ${name}`, tensorOf('float32', [data.length], data));
  }

  /** Reads them, and gives what sets them. Throws InputError where the state does not have them. */
  stored(name: string, from: ReadonlyMap<string, Tensor>): () => void {
    const found = Object.entries(this.parts).map(
      ([part, data]) => [data, storedFloats(from, `${part} of ${name}`, data.length)] as const,
    );
    return () => {
      for (const [data, stored] of found) data.set(stored);
    };
  }

  private get parts() {
    return { values: this.values, mean: this.mean, square: this.square };
  }
}
