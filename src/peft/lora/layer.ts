/** LoRA (arXiv 2106.09685): y = W₀x + (α/r) B(Ax). */
import type { AdaptLayer } from '../../nn/index.js';
import { add } from '../../ops/index.js';
import { lowRankOutput } from './factors.js';

/** `factor` is α/r. */
export function loraLayer(factor: number): AdaptLayer {
  return (layer, own) => {
    if (layer.kind === 'block') return layer.y;
    const [a, b] = [own.found('lora_A.weight'), own.found('lora_B.weight')];
    return a && b ? add(layer.y, lowRankOutput(layer, a, b, factor)) : layer.y;
  };
}
