/** A network of two layers and a block between them on random vectors: large enough for everything that optimizers and adapters do. */
import { input, type Value } from '../../src/graph/index.js';
import { layerNorm, linear, type Network, Scope, type ScopeOptions } from '../../src/nn/index.js';
import { add, mul, reduceMean, reshape, sub, tanh } from '../../src/ops/index.js';
import { Random, type Tensor, tensor } from '../../src/tensor/index.js';
import { type LossGraph, type Objective, readBy } from '../../src/train/objective.js';

const [INPUT, HIDDEN, OUTPUT, BATCH] = [8, 12, 4, 6];
const KEYS = {
  'hidden.weight': [HIDDEN, INPUT],
  'hidden.bias': [HIDDEN],
  'block.norm3.weight': [HIDDEN],
  'block.norm3.bias': [HIDDEN],
  'block.ff.weight': [HIDDEN, HIDDEN],
  'block.ff.bias': [HIDDEN],
  'out.weight': [OUTPUT, HIDDEN],
  'out.bias': [OUTPUT],
};

/** Weights are products of two normals, so that many are small; each starts with 0, −0 and a small number. */
export function toyNetwork(seed = 1): Network {
  const parameters = new Map(
    Object.entries(KEYS).map(([key, shape]) => {
      const random = new Random(seed, key);
      const size = shape.reduce((product, side) => product * side, 1);
      const [a, b] = [random.normal(size), random.normal(size)];
      const data = a.map((value, i) => 0.4 * value * b[i]!);
      data.set([0, -0, 1e-3]);
      return [key, tensor(shape, data)];
    }),
  );
  return { name: 'toy', config: undefined, parameters };
}

/** Mean squared error of the network against random targets; a batch is the number that names both. */
export class ToyObjective implements Objective<number> {
  readonly networks: readonly Network[];

  constructor(private readonly network: Network) {
    this.networks = [network];
  }

  size(): number {
    return BATCH;
  }

  signature(): string {
    return '';
  }

  build(_batch: number, options?: ScopeOptions): LossGraph {
    const scope = Scope.of(this.network, options);
    const hidden = tanh(linear(scope.at('hidden'), input('x', [BATCH, INPUT]), HIDDEN));
    const mixed = reshape(block(scope.at('block'), reshape(hidden, [2, -1, HIDDEN])), hidden.shape);
    const difference = sub(linear(scope.at('out'), mixed, OUTPUT), input('y', [BATCH, OUTPUT]));
    return { outputs: { loss: reduceMean(mul(difference, difference)) }, ...readBy(scope) };
  }

  feeds(batch: number): Map<string, Tensor> {
    const random = (what: string, width: number) =>
      tensor([BATCH, width], new Random(batch, what).normal(BATCH * width));
    return new Map([
      ['x', random('x', INPUT)],
      ['y', random('y', OUTPUT)],
    ]);
  }
}

/** The last part of a transformer block, with a linear layer as its feed-forward network: x [B, T, C] → [B, T, C]. */
function block(scope: Scope, x: Value): Value {
  const y = add(linear(scope.at('ff'), layerNorm(scope.at('norm3'), x), HIDDEN), x);
  return scope.adapted({ kind: 'block', x, y });
}

/** The bits of all weights, so that 0 and −0 differ. */
export function bitsOf({ parameters }: Network): Record<string, string> {
  return Object.fromEntries(
    [...parameters].map(([key, { data }]) => [
      key,
      Buffer.from(data.buffer, data.byteOffset, data.byteLength).toString('hex'),
    ]),
  );
}
