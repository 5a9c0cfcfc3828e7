/** Operators that move elements without computing: reshape, transpose, slice, pad, concat, expand, cast, detach. */
import type { Shape, Value } from '../graph/index.js';
import { type DType, sizeOf } from '../tensor/index.js';
import { broadcastShapes, broadcastStrides, forEachIndex, stridesOf } from './indexing.js';
import { apply1, expectSameDtype, expectThat, normalizeAxis, type Operator } from './operator.js';

export const reshapeOperator: Operator<{ shape: Shape }> = {
  name: 'reshape',
  infer: ([x], { shape }) => {
    expectThat(sizeOf(shape) === sizeOf(x!.shape), 'reshape', `${sizeOf(shape)} elements for [${shape}]`, x!);
    return [{ dtype: x!.dtype, shape }];
  },
  lower: (onnx, [x], { attributes }) => [onnx.reshape(x!, attributes.shape)],
  evaluate: ([x]) => [x!],
};

/** The same elements in row-major order under another shape; one side may be −1. */
export function reshape(x: Value, shape: Shape): Value {
  const known = shape.reduce((product, side) => (side === -1 ? product : product * side), 1);
  const resolved = shape.map((side) => (side === -1 ? sizeOf(x.shape) / known : side));
  return apply1(reshapeOperator, [x], { shape: resolved });
}

export const transposeOperator: Operator<{ permutation: readonly number[] }> = {
  name: 'transpose',
  infer: ([x], { permutation }) => {
    const sorted = [...permutation].sort((a, b) => a - b);
    expectThat(
      sorted.length === x!.shape.length && sorted.every((axis, i) => axis === i),
      'transpose',
      `a permutation of the axes ([${permutation}])`,
      x!,
    );
    return [{ dtype: x!.dtype, shape: permutation.map((axis) => x!.shape[axis]!) }];
  },
  lower: (onnx, [x], { attributes }) => [onnx.transpose(x!, attributes.permutation)],
  evaluate: ([x], node) => {
    const strides = stridesOf(node.inputs[0]!.shape);
    const out = new Float64Array(x!.length);
    const permuted = node.attributes.permutation.map((axis) => strides[axis]!);
    forEachIndex(node.outputs[0]!.shape, [permuted], (flat, [from]) => {
      out[flat] = x![from!]!;
    });
    return [out];
  },
};

/** Output axis i is input axis permutation[i]. */
export function transpose(x: Value, permutation: readonly number[]): Value {
  return apply1(transposeOperator, [x], { permutation });
}

export interface SliceAttributes {
  axis: number;
  start: number;
  end: number;
}

export const sliceOperator: Operator<SliceAttributes> = {
  name: 'slice',
  infer: ([x], { axis, start, end }) => {
    const side = x!.shape[axis]!;
    expectThat(
      0 <= start && start < end && end <= side,
      'slice',
      `${start} < ${end} within axis ${axis}`,
      x!,
    );
    return [{ dtype: x!.dtype, shape: x!.shape.map((length, i) => (i === axis ? end - start : length)) }];
  },
  lower: (onnx, [x], { attributes: { axis, start, end } }) => [onnx.slice(x!, [axis], [start], [end])],
  evaluate: ([x], node) => {
    const { axis, start } = node.attributes;
    const strides = stridesOf(node.inputs[0]!.shape);
    const out = new Float64Array(sizeOf(node.outputs[0]!.shape));
    forEachIndex(node.outputs[0]!.shape, [strides], (flat, [from]) => {
      out[flat] = x![from! + start * strides[axis]!]!;
    });
    return [out];
  },
};

/** Elements start … end−1 along an axis. */
export function slice(x: Value, axis: number, start: number, end: number): Value {
  return apply1(sliceOperator, [x], { axis: normalizeAxis('slice', axis, x), start, end });
}

/** Splits an axis into consecutive parts of the given lengths. */
export function split(x: Value, axis: number, lengths: readonly number[]): Value[] {
  let start = 0;
  return lengths.map((length) => {
    start += length;
    return slice(x, axis, start - length, start);
  });
}

export interface PadAttributes {
  before: readonly number[];
  after: readonly number[];
}

export const padOperator: Operator<PadAttributes> = {
  name: 'pad',
  infer: ([x], { before, after }) => {
    const rank = x!.shape.length;
    expectThat(before.length === rank && after.length === rank, 'pad', `${rank} pads before and after`, x!);
    return [{ dtype: x!.dtype, shape: x!.shape.map((side, axis) => before[axis]! + side + after[axis]!) }];
  },
  lower: (onnx, [x], { attributes: { before, after } }) => [
    onnx.node('Pad', [x!, onnx.ints([...before, ...after])]),
  ],
  evaluate: ([x], node) => {
    const { shape } = node.outputs[0]!;
    const strides = stridesOf(shape);
    const start = node.attributes.before.reduce((sum, pad, axis) => sum + pad * strides[axis]!, 0);
    const out = new Float64Array(sizeOf(shape));
    forEachIndex(node.inputs[0]!.shape, [strides], (flat, [to]) => {
      out[start + to!] = x![flat]!;
    });
    return [out];
  },
};

/** Zeros before and after each axis. */
export function pad(x: Value, before: readonly number[], after: readonly number[]): Value {
  return apply1(padOperator, [x], { before, after });
}

export const concatOperator: Operator<{ axis: number }> = {
  name: 'concat',
  infer: (inputs, { axis }) => {
    expectSameDtype('concat', inputs);
    const [first] = inputs;
    expectThat(
      inputs.every(
        ({ shape }) =>
          shape.length === first!.shape.length && shape.every((s, i) => i === axis || s === first!.shape[i]),
      ),
      'concat',
      `equal sides but for axis ${axis}`,
      ...inputs,
    );
    const total = inputs.reduce((sum, { shape }) => sum + shape[axis]!, 0);
    return [{ dtype: first!.dtype, shape: first!.shape.map((side, i) => (i === axis ? total : side)) }];
  },
  lower: (onnx, inputs, { attributes: { axis } }) => [onnx.node('Concat', inputs, { axis })],
  evaluate: (inputs, node) => {
    const { shape } = node.outputs[0]!;
    const strides = stridesOf(shape);
    const out = new Float64Array(sizeOf(shape));
    let start = 0;
    inputs.forEach((x, i) => {
      const part = node.inputs[i]!.shape;
      forEachIndex(part, [strides], (flat, [to]) => {
        out[start + to!] = x[flat]!;
      });
      start += part[node.attributes.axis]! * strides[node.attributes.axis]!;
    });
    return [out];
  },
};

/** Values one after another along an axis. */
export function concat(values: readonly Value[], axis: number): Value {
  return apply1(concatOperator, values, { axis: normalizeAxis('concat', axis, values[0]!) });
}

export const expandOperator: Operator<{ shape: Shape }> = {
  name: 'expand',
  infer: ([x], { shape }) => {
    const result = broadcastShapes(x!.shape, shape);
    expectThat(
      result !== undefined && sizeOf(result) === sizeOf(shape),
      'expand',
      `a shape that broadcasts to [${shape}]`,
      x!,
    );
    return [{ dtype: x!.dtype, shape }];
  },
  lower: (onnx, [x], { attributes: { shape } }) => [onnx.node('Expand', [x!, onnx.ints(shape)])],
  evaluate: ([x], node) => {
    const { shape } = node.attributes;
    const out = new Float64Array(sizeOf(shape));
    forEachIndex(shape, [broadcastStrides(node.inputs[0]!.shape, shape)], (flat, [from]) => {
      out[flat] = x![from!]!;
    });
    return [out];
  },
};

/** Repeats along axes of side 1 (and new leading axes) to the shape. */
export function expand(x: Value, shape: Shape): Value {
  return apply1(expandOperator, [x], { shape });
}

export const castOperator: Operator<{ dtype: DType }> = {
  name: 'cast',
  infer: ([x], { dtype }) => [{ dtype, shape: x!.shape }],
  lower: (onnx, [x], { attributes: { dtype } }) => [onnx.cast(x!, dtype)],
  evaluate: ([x], { attributes: { dtype } }) => [
    dtype.startsWith('float') || dtype === 'bfloat16' ? x! : x!.map(Math.trunc),
  ],
};

/** The same values in another dtype; the value itself where it has that dtype. */
export function cast(x: Value, dtype: DType): Value {
  return x.dtype === dtype ? x : apply1(castOperator, [x], { dtype });
}

export const detachOperator: Operator<Record<string, never>> = {
  name: 'detach',
  infer: ([x]) => [{ dtype: x!.dtype, shape: x!.shape }],
  lower: (onnx, [x]) => [onnx.node('Identity', [x!])],
  evaluate: ([x]) => [x!],
};

/** The same, but a constant to gradients. */
export function detach(x: Value): Value {
  return apply1(detachOperator, [x], {});
}
