/** Sums and means over axes. */
import type { Value } from '../graph/index.js';
import { sizeOf } from '../tensor/index.js';
import { forEachIndex, stridesOf } from './indexing.js';
import { apply1, normalizeAxis, type Operator } from './operator.js';

export interface ReduceAttributes {
  axes: readonly number[];
}

function reduction(name: string, onnxName: string, mean: boolean): Operator<ReduceAttributes> {
  return {
    name,
    infer: ([x], { axes }) => [
      { dtype: x!.dtype, shape: x!.shape.map((side, axis) => (axes.includes(axis) ? 1 : side)) },
    ],
    lower: (onnx, [x], { attributes: { axes } }) => [
      onnx.node(onnxName, [x!, onnx.ints(axes)], { keepdims: 1 }),
    ],
    evaluate: ([x], node) => {
      const from = node.inputs[0]!.shape;
      const to = node.outputs[0]!.shape;
      const out = new Float64Array(sizeOf(to));
      const strides = stridesOf(to).map((stride, axis) => (node.attributes.axes.includes(axis) ? 0 : stride));
      forEachIndex(from, [strides], (flat, [at]) => {
        out[at!]! += x![flat]!;
      });
      const count = mean ? x!.length / out.length : 1;
      return [out.map((sum) => sum / count)];
    },
  };
}

export const reduceSumOperator = reduction('reduce_sum', 'ReduceSum', false);
export const reduceMeanOperator = reduction('reduce_mean', 'ReduceMean', true);

function allAxes(name: string, x: Value, axes: readonly number[] | undefined): ReduceAttributes {
  return { axes: axes?.map((axis) => normalizeAxis(name, axis, x)) ?? x.shape.map((_, axis) => axis) };
}

/** Sum over the axes (all if left out); reduced axes stay with side 1. */
export function reduceSum(x: Value, axes?: readonly number[]): Value {
  return apply1(reduceSumOperator, [x], allAxes('reduce_sum', x, axes));
}

/** Mean over the axes (all if left out); reduced axes stay with side 1. */
export function reduceMean(x: Value, axes?: readonly number[]): Value {
  return apply1(reduceMeanOperator, [x], allAxes('reduce_mean', x, axes));
}
