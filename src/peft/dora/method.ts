/** DoRA: a low-rank change of direction and a magnitude for each row train in chosen layers. */
import { asFloat32, type Network } from '../../nn/index.js';
import type { AddedParameter } from '../addition.js';
import { lowRankMethod } from '../lora/low-rank-method.js';
import type { Target } from '../lora/targets.js';
import type { Method } from '../method.js';
import { doraDelta, MAGNITUDE, rowNorms } from './change.js';
import { doraLayer } from './layer.js';

/** m = ‖W₀‖ of each row, so that training begins at the base: [out], for a convolution [1, out, 1, 1]. */
function magnitude(network: Network, { path, shape }: Target): [string, AddedParameter] {
  const [rows] = shape as [number];
  const initial = () => rowNorms(asFloat32(network.parameters.get(`${path}.weight`)!).data, rows);
  return [path + MAGNITUDE, { shape: shape.length === 4 ? [1, rows, 1, 1] : [rows], initial }];
}

export const dora: Method = lowRankMethod({
  name: 'dora',
  trains: 'two factors of low rank and a magnitude for each output of the chosen layers',
  layer: doraLayer,
  ofRows: magnitude,
  delta: doraDelta,
});
