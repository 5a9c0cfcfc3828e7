/** Singular value decomposition by one-sided Jacobi rotations (Hestenes 1958), in float64: the witness for nuclear norms. */

export interface Svd {
  /** U, column by column; columns of singular values that are zero are zero. */
  readonly u: Float64Array[];
  readonly singular: Float64Array;
  /** V, column by column. */
  readonly v: Float64Array[];
}

/** Of a matrix [m, n] in row-major order: A = U diag(s) Vᵀ with n columns in each. */
export function svd(matrix: ArrayLike<number>, rows: number, columns: number): Svd {
  const a = Array.from({ length: columns }, (_, j) =>
    Float64Array.from({ length: rows }, (_, i) => matrix[i * columns + j]!),
  );
  const v = Array.from({ length: columns }, (_, j) => {
    const column = new Float64Array(columns);
    column[j] = 1;
    return column;
  });
  // Columns that are rounding alone would be rotated for ever.
  const negligible = 1e-30 * a.reduce((sum, column) => sum + dot(column, column), 0);
  for (let rotated = true; rotated; ) {
    rotated = false;
    for (let p = 0; p < columns; p++) {
      for (let q = p + 1; q < columns; q++) {
        const [alpha, beta, gamma] = [dot(a[p]!, a[p]!), dot(a[q]!, a[q]!), dot(a[p]!, a[q]!)];
        if (Math.abs(gamma) <= Math.max(1e-15 * Math.sqrt(alpha * beta), negligible)) continue;
        rotated = true;
        const zeta = (beta - alpha) / (2 * gamma);
        const t = (zeta < 0 ? -1 : 1) / (Math.abs(zeta) + Math.hypot(1, zeta));
        const cosine = 1 / Math.hypot(1, t);
        rotate(a[p]!, a[q]!, cosine, cosine * t);
        rotate(v[p]!, v[q]!, cosine, cosine * t);
      }
    }
  }
  const singular = Float64Array.from(a, (column) => Math.sqrt(dot(column, column)));
  const largest = Math.max(...singular);
  const u = a.map((column, j) =>
    column.map((value) => (singular[j]! > 1e-12 * largest ? value / singular[j]! : 0)),
  );
  return { u, singular, v };
}

/** U Vᵀ over the singular values that are not zero, row-major. */
export function polarBySvd(matrix: ArrayLike<number>, rows: number, columns: number): Float64Array {
  const { u, v } = svd(matrix, rows, columns);
  const polar = new Float64Array(rows * columns);
  u.forEach((left, k) => {
    const right = v[k]!;
    for (let i = 0; i < rows; i++)
      for (let j = 0; j < columns; j++) polar[i * columns + j]! += left[i]! * right[j]!;
  });
  return polar;
}

function dot(a: Float64Array, b: Float64Array): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += a[i]! * b[i]!;
  return sum;
}

function rotate(p: Float64Array, q: Float64Array, cosine: number, sine: number): void {
  for (let i = 0; i < p.length; i++) {
    const [x, y] = [p[i]!, q[i]!];
    p[i] = cosine * x - sine * y;
    q[i] = sine * x + cosine * y;
  }
}
