/** DoRA: a low-rank change of direction and a magnitude for each row train in chosen layers. */
import { asFloat32, type Network } from '../../nn/index.js';
import { deltasOf } from '../adapter/deltas.js';
import { ADDITION_COST, AdamWAddition, type AddedParameter, type Addition } from '../addition.js';
import { alphas, factorKeys, factors, type LoraOptions, resolveLowRank } from '../lora/factors.js';
import type { Target } from '../lora/targets.js';
import type { Method } from '../method.js';
import { doraDelta, MAGNITUDE, rowNorms } from './change.js';
import { doraLayer } from './layer.js';

/** Magnitudes for each row beside the factors. */
const PER_ROW = 1;

function addition(network: Network, options: LoraOptions): Addition {
  const { targets, rank, alpha } = resolveLowRank(network, options, PER_ROW);
  const parameters = targets.flatMap((target) => [...factors(target, rank), magnitude(network, target)]);
  return { parameters: new Map(parameters), adapt: doraLayer(alpha / rank) };
}

/** m = ‖W₀‖ of each row, so that training begins at the base: [out], for a convolution [1, out, 1, 1]. */
function magnitude(network: Network, { path, shape }: Target): [string, AddedParameter] {
  const [rows] = shape as [number];
  const initial = () => rowNorms(asFloat32(network.parameters.get(`${path}.weight`)!).data, rows);
  return [path + MAGNITUDE, { shape: shape.length === 4 ? [1, rows, 1, 1] : [rows], initial }];
}

export const dora: Method = {
  trains: 'two factors of low rank and a magnitude for each output of the chosen layers',
  network: 'unet',
  options: ['rank', 'alpha', 'targetModules', 'targetParameters', 'seed'],
  cost: ADDITION_COST,
  addition,
  createOptimizer: (network, options) => {
    const constants = alphas(resolveLowRank(network, options, PER_ROW));
    return new AdamWAddition(network, addition(network, options), { method: 'dora', constants }, options);
  },
  deltas: deltasOf(factorKeys, doraDelta),
  delta: doraDelta,
  changedKeys: factorKeys,
};
