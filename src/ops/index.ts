/** Typed operators, the reference evaluator, and compilation to ONNX Runtime. */
export {
  geglu,
  gegluGradient,
  gelu,
  geluGradient,
  type SwishAttributes,
  swish,
  swishGradient,
} from './activation.js';
export { type AttentionAttributes, attention, attentionGradient } from './attention.js';
export { OPERATORS, type OperatorName } from './catalogue.js';
export { compile } from './compile.js';
export {
  type ConvAttributes,
  conv2d,
  conv2dInputGradient,
  conv2dWeightGradient,
  type WeightGradientAttributes,
} from './convolution.js';
export {
  abs,
  add,
  cos,
  div,
  erf,
  exp,
  greater,
  like,
  log,
  maximum,
  mul,
  neg,
  offset,
  reciprocal,
  scale,
  sigmoid,
  sign,
  sin,
  sqrt,
  sub,
  tanh,
} from './elementwise.js';
export { evaluate } from './evaluate.js';
export { gatherRows, scatterAddRows, take } from './gather.js';
export { inverse } from './inverse.js';
export { cast, concat, detach, expand, pad, reshape, slice, split, transpose } from './layout.js';
export { toOnnx } from './lower.js';
export { gemm, matmul } from './matmul.js';
export { softmax, standardize } from './normalization.js';
export type { Numbers } from './operator.js';
export { averagePool, maxPool, windowCounts } from './pool.js';
export { reduceMean, reduceSum } from './reduce.js';
export { resizeNearest, upsample } from './upsample.js';
