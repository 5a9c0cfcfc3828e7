/** Matrices in float64, and the little that is done with them in plain loops. */

/** A matrix [rows, columns] in row-major order. */
export interface Dense {
  readonly rows: number;
  readonly columns: number;
  readonly data: Float64Array;
}

/** A matrix over values that are copied to float64. Throws RangeError where their number is another. */
export function dense(rows: number, columns: number, values: ArrayLike<number>): Dense {
  if (values.length !== rows * columns) {
    throw new RangeError(
      `a matrix of ${rows} × ${columns} needs ${rows * columns} values, got ${values.length}`,
    );
  }
  return { rows, columns, data: Float64Array.from(values) };
}

/** Aᵀ */
export function transposed({ rows, columns, data }: Dense): Dense {
  const out = new Float64Array(data.length);
  for (let i = 0; i < rows; i++) for (let j = 0; j < columns; j++) out[j * rows + i] = data[i * columns + j]!;
  return { rows: columns, columns: rows, data: out };
}

/** The mean of the rows [columns]. */
export function rowMean({ rows, columns, data }: Dense): Float64Array {
  const mean = new Float64Array(columns);
  for (let i = 0; i < rows; i++) for (let j = 0; j < columns; j++) mean[j]! += data[i * columns + j]!;
  return mean.map((sum) => sum / rows);
}

/** √Σ a², the Frobenius norm. */
export function frobenius({ data }: Dense): number {
  return Math.sqrt(data.reduce((sum, value) => sum + value * value, 0));
}
