/** Layer and group normalization with learned scale and shift. */
import { GraphError, type Value } from '../graph/index.js';
import { add, mul, reshape, standardize } from '../ops/index.js';
import { ONES, ZEROS } from './initializers.js';
import type { Scope } from './scope.js';

/** Over the last axis: x [..., C]. */
export function layerNorm(scope: Scope, x: Value, epsilon = 1e-5): Value {
  const width = x.shape.at(-1)!;
  const weight = scope.param('weight', [width], ONES);
  const bias = scope.param('bias', [width], ZEROS);
  return add(mul(standardize(x, epsilon), weight), bias);
}

/** Over groups of channels and all positions: x [N, C, ...]. */
export function groupNorm(scope: Scope, x: Value, groups: number, epsilon = 1e-5): Value {
  const [batch, channels] = x.shape as [number, number];
  if (channels % groups !== 0) {
    throw new GraphError(
      `group norm ${scope.path}: ${channels} channels cannot be split into ${groups} groups`,
    );
  }
  const perChannel = [1, channels, ...x.shape.slice(2).map(() => 1)];
  const weight = reshape(scope.param('weight', [channels], ONES), perChannel);
  const bias = reshape(scope.param('bias', [channels], ZEROS), perChannel);
  const standard = reshape(standardize(reshape(x, [batch, groups, -1]), epsilon), x.shape);
  return add(mul(standard, weight), bias);
}
