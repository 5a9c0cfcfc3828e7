/** DoRA (arXiv 2402.09353): V = W₀ + (α/r) BA and y = m ⊙ (V/‖V‖) x + b, with a norm and a magnitude for each output row. */
import type { Value } from '../../graph/index.js';
import type { AdaptLayer, Layer } from '../../nn/index.js';
import {
  add,
  detach,
  div,
  gemm,
  mul,
  neg,
  offset,
  reduceSum,
  reshape,
  scale,
  sqrt,
} from '../../ops/index.js';
import { lowRankOutput } from '../lora/factors.js';

/** `factor` is α/r. The norm is a constant to gradients (section 4.3). */
export function doraLayer(factor: number): AdaptLayer {
  return (layer, own) => {
    if (layer.kind === 'block') return layer.y;
    const [a, b] = [own.found('lora_A.weight'), own.found('lora_B.weight')];
    const magnitude = own.found('lora_magnitude_vector');
    if (!a || !b || !magnitude) return layer.y;
    const ratio = div(magnitude, reshape(detach(rowNorms(layer, a, b, factor)), magnitude.shape));
    const turned = mul(ratio, add(layer.y, lowRankOutput(layer, a, b, factor)));
    // y = W₀x + b, whose bias the ratio does not concern.
    if (!layer.bias) return turned;
    const rest = mul(offset(neg(ratio), 1), reshape(layer.bias, magnitude.shape));
    return add(turned, rest);
  };
}

/** ‖V‖ of each row [out, 1]: ‖V‖² = ‖W₀‖² + 2s B·(W₀Aᵀ) + s² B·(BAAᵀ), products of rows, which never makes BA. */
function rowNorms({ weight }: Exclude<Layer, { kind: 'block' }>, a: Value, b: Value, factor: number): Value {
  const rows = (value: Value) => reshape(value, [value.shape[0]!, -1]);
  const [w, down, up] = [rows(weight), rows(a), rows(b)];
  const dot = (x: Value, y: Value) => reduceSum(mul(x, y), [1]);
  const cross = dot(up, gemm(w, down, { transposeB: true }));
  const square = dot(up, gemm(up, gemm(down, down, { transposeB: true })));
  return sqrt(add(dot(w, w), add(scale(cross, 2 * factor), scale(square, factor * factor))));
}
