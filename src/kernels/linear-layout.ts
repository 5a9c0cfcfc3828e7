/** Linear layers: matrices with a token in each row are transposed, so that the tokens of a feature are contiguous. */
import { MOST_FLOATS, type Piece, ranges, STAGED_FLOATS, type Stage, wholeVectors } from './piece.js';
import type { LinearShape } from './sampled-gradients.js';

/** Columns of one item, as in assembly/pack.ts. */
const ITEM = 32;

export function linearPieces(
  { rows, outputs, inputs }: LinearShape,
  dY: Float32Array,
  x: Float32Array,
): Piece[] {
  const most = Math.max(4, Math.floor(MOST_FLOATS / (outputs + inputs) / 4) * 4);
  return [...ranges(rows, most)].map(([begin, end]) => {
    const stride = wholeVectors(end - begin);
    return {
      xFloats: inputs * stride,
      xZeros: 0,
      yStride: stride,
      outputs,
      length: end - begin,
      stagedFloats: Math.max(stagedRows(inputs) * inputs, stagedRows(outputs) * outputs),
      offsets: (column) => column * stride,
      stages: (xAddress, yAddress) => [
        ...transposed(x, inputs, begin, end, xAddress, stride),
        ...transposed(dY, outputs, begin, end, yAddress, stride),
      ],
    };
  });
}

/** A multiple of 4, so that only the last stage has rows to fill up. */
const stagedRows = (columns: number): number => Math.max(4, Math.floor(STAGED_FLOATS / columns / 4) * 4);

/** Rows begin … end of a matrix with `columns` columns → its transpose, `stride` floats a row. */
function transposed(
  matrix: Float32Array,
  columns: number,
  begin: number,
  end: number,
  to: number,
  stride: number,
): Stage[] {
  return [...ranges(end - begin, stagedRows(columns))].map(([first, last]) => ({
    floats: (last - first) * columns,
    copy: (staged) => staged.set(matrix.subarray((begin + first) * columns, (begin + last) * columns)),
    kernel: 'transpose',
    items: Math.ceil(columns / ITEM),
    parameters: [to + 4 * first, stride, last - first, columns],
  }));
}
