/** AdaptFormer (arXiv 2205.13535): x' = x + FFN(LN(x)) + s · Up(Drop(ReLU(Down(x)))), beside the feed-forward network. */
import type { Value } from '../../graph/index.js';
import { type AdaptLayer, dropout, relu } from '../../nn/index.js';
import { add, gemm, reshape, scale } from '../../ops/index.js';

const DROPOUT = 0.1;

/** `factor` is s. Source: ShoufaChen/AdaptFormer, models/adapter.py, without a norm of its own. */
export function adaptFormerLayer(factor: number): AdaptLayer {
  return (layer, own) => {
    const [down, downBias] = [own.found('down.weight'), own.found('down.bias')];
    const [up, upBias] = [own.found('up.weight'), own.found('up.bias')];
    if (layer.kind !== 'block' || !down || !downBias || !up || !upBias) return layer.y;
    const [batch, tokens, width] = layer.x.shape as [number, number, number];
    const product = (x: Value, weight: Value, bias: Value) =>
      reshape(gemm(reshape(x, [batch * tokens, -1]), weight, { transposeB: true, bias }), [
        batch,
        tokens,
        -1,
      ]);
    const hidden = dropout(own, relu(product(layer.x, down, downBias)), DROPOUT);
    return add(layer.y, scale(reshape(product(hidden, up, upBias), [batch, tokens, width]), factor));
  };
}
