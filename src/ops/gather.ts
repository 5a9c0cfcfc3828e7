/** Operators that pick entries by index: rows of a table, their scattered sum, and single entries of a tensor. */
import type { Value } from '../graph/index.js';
import { sizeOf } from '../tensor/index.js';
import { apply1, expectThat, type Operator } from './operator.js';

type None = Record<string, never>;

export const gatherRowsOperator: Operator<None> = {
  name: 'gather_rows',
  infer: ([table, ids]) => {
    expectThat(table!.shape.length === 2, 'gather_rows', 'a table [rows, columns]', table!);
    expectThat(ids!.dtype === 'int32', 'gather_rows', 'int32 row numbers', ids!);
    return [{ dtype: table!.dtype, shape: [...ids!.shape, table!.shape[1]!] }];
  },
  lower: (onnx, [table, ids]) => [onnx.node('Gather', [table!, ids!], { axis: 0 })],
  evaluate: ([table, ids], node) => {
    const columns = node.inputs[0]!.shape[1]!;
    const out = new Float64Array(ids!.length * columns);
    ids!.forEach((row, i) => {
      out.set(table!.subarray(row * columns, (row + 1) * columns), i * columns);
    });
    return [out];
  },
};

/** Rows of table [R, C] at ids [...] → [..., C]: an embedding look-up. */
export function gatherRows(table: Value, ids: Value): Value {
  return apply1(gatherRowsOperator, [table, ids], {});
}

export const scatterAddRowsOperator: Operator<{ rows: number }> = {
  name: 'scatter_add_rows',
  infer: ([updates, ids], { rows }) => {
    const columns = updates!.shape.at(-1)!;
    expectThat(
      sizeOf(updates!.shape) === sizeOf(ids!.shape) * columns,
      'scatter_add_rows',
      'one update row for each id',
      updates!,
      ids!,
    );
    return [{ dtype: updates!.dtype, shape: [rows, columns] }];
  },
  lower: (onnx, [updates, ids], node) => {
    const { dtype, shape } = node.outputs[0]!;
    const columns = shape[1]!;
    const count = sizeOf(node.inputs[1]!.shape);
    const zeros = onnx.node('Expand', [onnx.float(0, dtype), onnx.ints(shape)]);
    const indices = onnx.node('Expand', [onnx.reshape(ids!, [count, 1]), onnx.ints([count, columns])]);
    const rows = onnx.reshape(updates!, [count, columns]);
    return [onnx.node('ScatterElements', [zeros, indices, rows], { axis: 0, reduction: 'add' })];
  },
  evaluate: ([updates, ids], node) => {
    const [rows, columns] = node.outputs[0]!.shape as [number, number];
    const out = new Float64Array(rows * columns);
    ids!.forEach((row, i) => {
      for (let column = 0; column < columns; column++)
        out[row * columns + column]! += updates![i * columns + column]!;
    });
    return [out];
  },
};

/** Zeros [rows, C] plus each update row at its id: the gradient of gatherRows. */
export function scatterAddRows(updates: Value, ids: Value, rows: number): Value {
  return apply1(scatterAddRowsOperator, [updates, ids], { rows });
}

export const takeOperator: Operator<None> = {
  name: 'take',
  infer: ([x, indices]) => {
    expectThat(
      indices!.dtype === 'int32' && indices!.shape.length === 1,
      'take',
      'int32 positions [n]',
      indices!,
    );
    return [{ dtype: x!.dtype, shape: indices!.shape }];
  },
  lower: (onnx, [x, indices]) => [onnx.node('Gather', [onnx.reshape(x!, [-1]), indices!], { axis: 0 })],
  evaluate: ([x, indices]) => [indices!.map((at) => x![at]!)],
};

/** Entries of x at flat row-major positions [n] → [n]. */
export function take(x: Value, indices: Value): Value {
  return apply1(takeOperator, [x, indices], {});
}
