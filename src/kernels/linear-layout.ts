/** Linear layers: matrices with a token in each row are transposed, so that the tokens of a feature are contiguous. */
import { MOST_FLOATS, type Piece, ranges, STAGED_FLOATS, type Stage, wholeVectors } from './piece.js';
import type { LinearShape } from './sampled-gradients.js';

/** Columns and rows of one item, as in assembly/pack.ts. */
const ITEM_COLUMNS = 64;
const ITEM_ROWS = 128;

export function linearPieces(
  { rows, outputs, inputs }: LinearShape,
  dY: Float32Array,
  x: Float32Array,
): Piece[] {
  const most = Math.max(16, Math.floor(MOST_FLOATS / (outputs + inputs) / 16) * 16);
  return [...ranges(rows, most)].map(([begin, end]) => {
    const stride = wholeVectors(end - begin);
    return {
      xFloats: inputs * stride,
      xZeros: 0,
      yStride: stride,
      outputs,
      length: end - begin,
      stagedFloats: Math.max(stagedRows(inputs) * inputs, stagedRows(outputs) * outputs),
      taps: 1,
      fillOffsets: (table) => {
        for (let column = 0; column < inputs; column++) table[column] = 4 * column * stride;
      },
      stages: (xAddress, yAddress) => [
        ...transposed(x, inputs, begin, end, xAddress, stride),
        ...transposed(dY, outputs, begin, end, yAddress, stride),
      ],
    };
  });
}

/** A multiple of 16, so that stages begin with whole cache lines and only the last has rows to fill up. */
const stagedRows = (columns: number): number => Math.max(16, Math.floor(STAGED_FLOATS / columns / 16) * 16);

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
    items: Math.ceil(columns / ITEM_COLUMNS) * Math.ceil((last - first) / ITEM_ROWS),
    parameters: [to + 4 * first, stride, last - first, columns],
  }));
}
