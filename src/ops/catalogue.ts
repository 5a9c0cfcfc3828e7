/** Every operator by name: the one list that lowering, evaluation and differentiation are checked against. */
import * as activation from './activation.js';
import * as attention from './attention.js';
import * as convolution from './convolution.js';
import * as elementwise from './elementwise.js';
import * as gather from './gather.js';
import * as inverse from './inverse.js';
import * as layout from './layout.js';
import * as matmul from './matmul.js';
import * as normalization from './normalization.js';
import type { Operator } from './operator.js';
import * as pool from './pool.js';
import * as reduce from './reduce.js';
import * as upsample from './upsample.js';

export const OPERATORS = {
  neg: elementwise.negOperator,
  exp: elementwise.expOperator,
  log: elementwise.logOperator,
  sqrt: elementwise.sqrtOperator,
  reciprocal: elementwise.reciprocalOperator,
  sigmoid: elementwise.sigmoidOperator,
  tanh: elementwise.tanhOperator,
  erf: elementwise.erfOperator,
  sin: elementwise.sinOperator,
  cos: elementwise.cosOperator,
  abs: elementwise.absOperator,
  sign: elementwise.signOperator,
  add: elementwise.addOperator,
  sub: elementwise.subOperator,
  mul: elementwise.mulOperator,
  div: elementwise.divOperator,
  maximum: elementwise.maximumOperator,
  greater: elementwise.greaterOperator,
  reshape: layout.reshapeOperator,
  transpose: layout.transposeOperator,
  slice: layout.sliceOperator,
  pad: layout.padOperator,
  concat: layout.concatOperator,
  expand: layout.expandOperator,
  cast: layout.castOperator,
  detach: layout.detachOperator,
  reduce_sum: reduce.reduceSumOperator,
  reduce_mean: reduce.reduceMeanOperator,
  gemm: matmul.gemmOperator,
  matmul: matmul.matmulOperator,
  inverse: inverse.inverseOperator,
  conv2d: convolution.conv2dOperator,
  conv2d_input_gradient: convolution.conv2dInputGradientOperator,
  conv2d_weight_gradient: convolution.conv2dWeightGradientOperator,
  max_pool: pool.maxPoolOperator,
  average_pool: pool.averagePoolOperator,
  standardize: normalization.standardizeOperator,
  softmax: normalization.softmaxOperator,
  swish: activation.swishOperator,
  swish_gradient: activation.swishGradientOperator,
  gelu: activation.geluOperator,
  gelu_gradient: activation.geluGradientOperator,
  geglu: activation.gegluOperator,
  geglu_gradient: activation.gegluGradientOperator,
  attention: attention.attentionOperator,
  attention_gradient: attention.attentionGradientOperator,
  gather_rows: gather.gatherRowsOperator,
  scatter_add_rows: gather.scatterAddRowsOperator,
  take: gather.takeOperator,
  upsample: upsample.upsampleOperator,
} as const;

export type OperatorName = keyof typeof OPERATORS;

/** The operator of a node that is neither an input nor a constant. */
export function operatorOf(name: string): Operator<unknown> {
  return OPERATORS[name as OperatorName] as unknown as Operator<unknown>;
}
