/** Standardization and softmax over the last axis. */
import type { Value } from '../graph/index.js';
import { apply, apply1, expectThat, type Operator } from './operator.js';

export interface StandardizeAttributes {
  readonly epsilon: number;
}

/** Calls `visit` with each row (last axis) of a flat array. */
function mapRows(x: Float64Array, length: number, visit: (row: Float64Array, start: number) => void): void {
  for (let start = 0; start < x.length; start += length) visit(x.subarray(start, start + length), start);
}

/** Outputs: y = (x − mean) / √(var + ε) over the last axis (biased variance), and 1 / √(var + ε). */
export const standardizeOperator: Operator<StandardizeAttributes> = {
  name: 'standardize',
  infer: ([x]) => {
    expectThat(x!.shape.length > 0, 'standardize', 'at least one axis', x!);
    return [
      { dtype: x!.dtype, shape: x!.shape },
      { dtype: x!.dtype, shape: [...x!.shape.slice(0, -1), 1] },
    ];
  },
  lower: (onnx, [x], node) => {
    const { dtype, shape } = node.inputs[0]!;
    const last = onnx.ints([shape.length - 1]);
    const mean = (name: string) => onnx.node('ReduceMean', [name, last], { keepdims: 1 });
    const centred = onnx.node('Sub', [x!, mean(x!)]);
    const variance = mean(onnx.node('Mul', [centred, centred]));
    const deviation = onnx.node('Sqrt', [
      onnx.node('Add', [variance, onnx.float(node.attributes.epsilon, dtype)]),
    ]);
    const inverse = onnx.node('Reciprocal', [deviation]);
    return [onnx.node('Mul', [centred, inverse]), inverse];
  },
  evaluate: ([x], node) => {
    const length = node.inputs[0]!.shape.at(-1)!;
    const y = new Float64Array(x!.length);
    const inverses = new Float64Array(x!.length / length);
    mapRows(x!, length, (row, start) => {
      const mean = row.reduce((sum, value) => sum + value, 0) / length;
      const variance = row.reduce((sum, value) => sum + (value - mean) ** 2, 0) / length;
      const inverse = 1 / Math.sqrt(variance + node.attributes.epsilon);
      inverses[start / length] = inverse;
      y.set(
        row.map((value) => (value - mean) * inverse),
        start,
      );
    });
    return [y, inverses];
  },
};

/** (x − mean) / √(var + ε) over the last axis. */
export function standardize(x: Value, epsilon: number): Value {
  return apply(standardizeOperator, [x], { epsilon })[0]!;
}

export const softmaxOperator: Operator<Record<string, never>> = {
  name: 'softmax',
  infer: ([x]) => [{ dtype: x!.dtype, shape: x!.shape }],
  lower: (onnx, [x]) => [onnx.node('Softmax', [x!], { axis: -1 })],
  evaluate: ([x], node) => {
    const y = new Float64Array(x!.length);
    mapRows(x!, node.inputs[0]!.shape.at(-1)!, (row, start) => {
      const largest = Math.max(...row);
      const exps = row.map((value) => Math.exp(value - largest));
      const total = exps.reduce((sum, value) => sum + value, 0);
      y.set(
        exps.map((value) => value / total),
        start,
      );
    });
    return [y];
  },
};

/** exp(x) / Σ exp(x) over the last axis. */
export function softmax(x: Value): Value {
  return apply1(softmaxOperator, [x], {});
}
