/** The inverse of a matrix. */
import type { Value } from '../graph/index.js';
import { apply1, expectThat, type Operator } from './operator.js';

export const inverseOperator: Operator<Record<string, never>> = {
  name: 'inverse',
  infer: ([a]) => {
    const { dtype, shape } = a!;
    expectThat(shape.length === 2 && shape[0] === shape[1], 'inverse', 'a square matrix', a!);
    return [{ dtype, shape }];
  },
  lower: (onnx, [a]) => [onnx.contribNode('Inverse', [a!])],
  evaluate: ([a]) => [gaussJordan(a!, Math.sqrt(a!.length))],
};

/** A⁻¹ of a matrix [n, n]; ONNX Runtime computes it on the CPU, on one thread. */
export function inverse(a: Value): Value {
  return apply1(inverseOperator, [a], {});
}

/** Gauss–Jordan elimination with the largest pivot of each column. */
function gaussJordan(matrix: Float64Array, n: number): Float64Array {
  const rows = Array.from({ length: n }, (_, i) => [
    ...matrix.subarray(i * n, (i + 1) * n),
    ...Array.from({ length: n }, (_, j) => Number(i === j)),
  ]);
  for (let k = 0; k < n; k++) {
    const below = rows.slice(k);
    const pivot = below.reduce((best, row) => (Math.abs(row[k]!) > Math.abs(best[k]!) ? row : best));
    rows.splice(rows.indexOf(pivot, k), 1);
    const unit = pivot.map((value) => value / pivot[k]!);
    rows.forEach((row, i) => {
      const factor = row[k]!;
      rows[i] = row.map((value, j) => value - factor * unit[j]!);
    });
    rows.splice(k, 0, unit);
  }
  return Float64Array.from(rows.flatMap((row) => row.slice(n)));
}
