/** Matrix products: gemm for two matrices (with transposes and a bias), matmul for batches. */
import { sameShape, type Value } from '../graph/index.js';
import { sizeOf } from '../tensor/index.js';
import { apply1, expectSameDtype, expectThat, type Operator } from './operator.js';

export interface GemmAttributes {
  transposeA: boolean;
  transposeB: boolean;
}

export const gemmOperator: Operator<GemmAttributes> = {
  name: 'gemm',
  infer: (inputs, { transposeA, transposeB }) => {
    const [a, b, bias] = inputs;
    expectSameDtype('gemm', inputs);
    expectThat(a!.shape.length === 2 && b!.shape.length === 2, 'gemm', 'two matrices', a!, b!);
    const [rows, inner] = transposeA ? [a!.shape[1]!, a!.shape[0]!] : [a!.shape[0]!, a!.shape[1]!];
    const [innerB, columns] = transposeB ? [b!.shape[1]!, b!.shape[0]!] : [b!.shape[0]!, b!.shape[1]!];
    expectThat(inner === innerB, 'gemm', `equal inner sides (${inner} and ${innerB})`, a!, b!);
    if (bias) expectThat(sameShape(bias.shape, [columns]), 'gemm', `a bias of shape [${columns}]`, bias);
    return [{ dtype: a!.dtype, shape: [rows, columns] }];
  },
  lower: (onnx, inputs, { attributes }) => [
    onnx.node('Gemm', inputs, {
      transA: Number(attributes.transposeA),
      transB: Number(attributes.transposeB),
    }),
  ],
  evaluate: ([a, b, bias], node) => {
    const { transposeA, transposeB } = node.attributes;
    const [rows, columns] = node.outputs[0]!.shape as [number, number];
    const inner = a!.length / rows;
    const out = new Float64Array(rows * columns);
    for (let i = 0; i < rows; i++) {
      for (let j = 0; j < columns; j++) {
        let sum = bias?.[j] ?? 0;
        for (let k = 0; k < inner; k++) {
          sum +=
            a![transposeA ? k * rows + i : i * inner + k]! *
            b![transposeB ? j * inner + k : k * columns + j]!;
        }
        out[i * columns + j] = sum;
      }
    }
    return [out];
  },
};

/** op(A)·op(B) + bias: A [m, k], B [k, n] (each transposed where asked), bias [n] → [m, n]. */
export function gemm(
  a: Value,
  b: Value,
  options: Partial<GemmAttributes> & { bias?: Value | undefined } = {},
): Value {
  const { transposeA = false, transposeB = false, bias } = options;
  return apply1(gemmOperator, bias ? [a, b, bias] : [a, b], { transposeA, transposeB });
}

export const matmulOperator: Operator<Record<string, never>> = {
  name: 'matmul',
  infer: (inputs) => {
    const [a, b] = inputs;
    expectSameDtype('matmul', inputs);
    const rank = a!.shape.length;
    expectThat(
      rank >= 2 && rank === b!.shape.length && sameShape(a!.shape.slice(0, -2), b!.shape.slice(0, -2)),
      'matmul',
      'equal leading sides',
      a!,
      b!,
    );
    expectThat(a!.shape[rank - 1] === b!.shape[rank - 2], 'matmul', 'equal inner sides', a!, b!);
    return [{ dtype: a!.dtype, shape: [...a!.shape.slice(0, -1), b!.shape[rank - 1]!] }];
  },
  lower: (onnx, [a, b]) => [onnx.node('MatMul', [a!, b!])],
  evaluate: ([a, b], node) => {
    const { shape } = node.outputs[0]!;
    const columns = shape.at(-1)!;
    const rows = shape.at(-2)!;
    const inner = node.inputs[0]!.shape.at(-1)!;
    const out = new Float64Array(sizeOf(shape));
    for (let i = 0; i < out.length; i++) {
      const batch = Math.floor(i / (rows * columns));
      const row = Math.floor(i / columns);
      const column = i % columns;
      for (let k = 0; k < inner; k++)
        out[i]! += a![row * inner + k]! * b![(batch * inner + k) * columns + column]!;
    }
    return [out];
  },
};

/** Batched product: [..., m, k] · [..., k, n] → [..., m, n], with equal leading sides. */
export function matmul(a: Value, b: Value): Value {
  return apply1(matmulOperator, [a, b], {});
}
