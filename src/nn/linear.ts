/** Linear layers and embeddings; weights are stored as torch stores them, [out, in]. */
import type { Value } from '../graph/index.js';
import { gatherRows, gemm, reshape } from '../ops/index.js';
import type { Scope } from './scope.js';

/** y = x Wᵀ + b over the last axis: x [..., in] → [..., features]. */
export function linear(scope: Scope, x: Value, features: number, { bias = true } = {}): Value {
  const fanIn = x.shape.at(-1)!;
  const weight = scope.param('weight', [features, fanIn], { kind: 'fan-in', fanIn });
  const offset = bias ? scope.param('bias', [features], { kind: 'fan-in', fanIn }) : undefined;
  const rows = x.shape.length === 2 ? x : reshape(x, [-1, fanIn]);
  const product = gemm(rows, weight, { transposeB: true, bias: offset });
  const y = scope.adapted({ kind: 'linear', x: rows, y: product, weight, bias: offset });
  return x.shape.length === 2 ? y : reshape(y, [...x.shape.slice(0, -1), features]);
}

/** Rows of a learned table: ids int32 [...] → [..., width]. */
export function embedding(scope: Scope, ids: Value, rows: number, width: number, std = 0.02): Value {
  return gatherRows(scope.param('weight', [rows, width], { kind: 'normal', std }), ids);
}
