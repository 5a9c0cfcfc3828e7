/** How vision transformers read a picture: patches that do not overlap, each mapped to one token by one linear map. */
import type { Value } from '../graph/index.js';
import type { Scope } from '../nn/index.js';
import { gemm, reshape, transpose } from '../ops/index.js';

/**
 * Pixels [B, 3, H, W] → tokens [B, H/patch · W/patch, width], row by row: a convolution whose stride is its kernel, and
 * so a matrix product. Weights are stored as torch.nn.Conv2d stores them.
 */
export function patchEmbedding(
  scope: Scope,
  pixels: Value,
  width: number,
  patch: number,
  { bias: biased }: { bias: boolean },
): Value {
  const [batch, channels, height, across] = pixels.shape as [number, number, number, number];
  const [rows, columns] = [height / patch, across / patch];
  const fanIn = channels * patch * patch;
  const weight = scope.param('weight', [width, channels, patch, patch], { kind: 'fan-in', fanIn });
  const bias = biased ? scope.param('bias', [width], { kind: 'fan-in', fanIn }) : undefined;
  const split = reshape(pixels, [batch, channels, rows, patch, columns, patch]);
  const patches = reshape(transpose(split, [0, 2, 4, 1, 3, 5]), [batch * rows * columns, fanIn]);
  const tokens = gemm(patches, reshape(weight, [width, fanIn]), { transposeB: true, bias });
  return reshape(tokens, [batch, rows * columns, width]);
}
