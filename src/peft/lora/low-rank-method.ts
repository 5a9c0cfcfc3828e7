/** What LoRA and DoRA have in common as methods: two factors beside each of the chosen layers, drawn, trained and stored alike. */
import { type AdaptLayer, type Network, ZEROS } from '../../nn/index.js';
import { sizeOf } from '../../tensor/index.js';
import { ADDITION_COST, AdamWAddition, type AddedParameter, type Addition } from '../addition.js';
import type { Method, MethodOptions } from '../method.js';
import { A, ALPHA, B, factorKeys } from './factors.js';
import { resolveLowRank } from './options.js';
import type { Target } from './targets.js';

/** In what such methods differ. */
interface LowRankMethod extends Pick<Method, 'trains' | 'delta'> {
  readonly name: 'lora' | 'dora';
  /** What a layer gives, where α/r is `factor`. */
  layer(factor: number): AdaptLayer;
  /** A parameter for each output of a layer beside its factors, if there is one. */
  ofRows?(network: Network, target: Target): [string, AddedParameter];
}

export function lowRankMethod({ name, trains, delta, layer, ofRows }: LowRankMethod): Method {
  const resolve = (network: Network, options: MethodOptions) =>
    resolveLowRank(network, options, ofRows ? 1 : 0);
  const addition = (network: Network, options: MethodOptions): Addition => {
    const { targets, rank, alpha } = resolve(network, options);
    const parameters = targets.flatMap((target) => [
      ...factors(target, rank),
      ...(ofRows ? [ofRows(network, target)] : []),
    ]);
    return { parameters: new Map(parameters), adapt: layer(alpha / rank) };
  };
  return {
    trains,
    network: 'unet',
    options: ['rank', 'alpha', 'targetModules', 'targetParameters', 'seed'],
    cost: ADDITION_COST,
    addition,
    createOptimizer: (network, options) => {
      const { targets, alpha } = resolve(network, options);
      const constants = new Map(targets.map(({ path }) => [path + ALPHA, alpha]));
      return new AdamWAddition(network, addition(network, options), { method: name, constants }, options);
    },
    delta,
    changedKeys: factorKeys,
  };
}

/** A as torch draws a layer's weights (Kaiming uniform with a = √5), B = 0: the change begins at nothing. */
function factors({ path, shape }: Target, rank: number): [string, AddedParameter][] {
  const [outputs, ...inputs] = shape as [number, ...number[]];
  const ones = inputs.slice(1).map(() => 1);
  return [
    [path + A, { shape: [rank, ...inputs], initial: { kind: 'fan-in', fanIn: sizeOf(inputs) } }],
    [path + B, { shape: [outputs, rank, ...ones], initial: ZEROS }],
  ];
}
