/** Products with a sparse matrix that cost what its entries cost: its Gram matrix, and another product at its entries. */

/** Entries of as many rows as stay in a core's cache. */
const BLOCK_ENTRIES = 1 << 15;
/** Side of the squares in which the Gram matrix is mirrored. */
const TILE = 32;

/** X [rows, side] with rows ≥ side, as entries row by row. */
export class SparseMatrix {
  readonly rows: number;
  readonly side: number;
  private readonly values: Float64Array;
  private readonly columns: Int32Array;
  /** Where the row of each entry starts and ends. */
  private readonly rowStarts: Int32Array;
  private readonly rowEnds: Int32Array;
  /** Where each entry as given stands; as given where undefined. */
  private readonly places: Int32Array | undefined;
  /** Entries of each block of rows by column: `order` from `starts[column]` to `starts[column + 1]`. */
  private readonly blocks: readonly { readonly starts: Int32Array; readonly order: Int32Array }[];

  /** The matrix [m, n] with `values` times `factor` at ascending flat positions, transposed where m < n. */
  constructor(shape: readonly [number, number], positions: Int32Array, values: Float32Array, factor: number) {
    const [height, width] = shape;
    const count = positions.length;
    const transposed = height < width;
    [this.rows, this.side] = transposed ? [width, height] : [height, width];
    this.values = new Float64Array(count);
    this.columns = new Int32Array(count);

    const starts = new Int32Array(this.rows + 1);
    for (let i = 0; i < count; i++) {
      const at = positions[i]!;
      starts[(transposed ? at % width : Math.floor(at / width)) + 1]!++;
    }
    for (let row = 0; row < this.rows; row++) starts[row + 1]! += starts[row]!;

    const next = starts.slice();
    this.places = transposed ? new Int32Array(count) : undefined;
    for (let i = 0; i < count; i++) {
      const row = Math.floor(positions[i]! / width);
      const column = positions[i]! - row * width;
      const place = transposed ? next[column]!++ : i;
      this.columns[place] = transposed ? row : column;
      this.values[place] = values[i]! * factor;
      if (this.places) this.places[i] = place;
    }

    this.rowStarts = new Int32Array(count);
    this.rowEnds = new Int32Array(count);
    const blocks: { starts: Int32Array; order: Int32Array }[] = [];
    let from = 0;
    for (let row = 0; row < this.rows; row++) {
      const [start, end] = [starts[row]!, starts[row + 1]!];
      this.rowStarts.fill(start, start, end);
      this.rowEnds.fill(end, start, end);
      if (end - from < BLOCK_ENTRIES && row < this.rows - 1) continue;
      blocks.push(byColumn(this.columns, this.side, from, end));
      from = end;
    }
    this.blocks = blocks;
  }

  /** XᵀX [side, side] */
  gram(): Float64Array {
    const { side, values, columns, rowEnds } = this;
    const gram = new Float64Array(side * side);
    for (const { starts, order } of this.blocks) {
      for (let column = 0; column < side; column++) {
        const base = column * side;
        const end = starts[column + 1]!;
        for (let t = starts[column]!; t < end; t++) {
          const at = order[t]!;
          const value = values[at]!;
          const rowEnd = rowEnds[at]!;
          for (let i = at; i < rowEnd; i++) gram[base + columns[i]!]! += value * values[i]!;
        }
      }
    }
    mirror(gram, side);
    return gram;
  }

  /** X (I + Z) at the entries of X, in the order in which they were given, for a matrix Z [side, side]. */
  productAtEntries(z: Float64Array): Float64Array {
    const { side, values, columns, rowStarts, rowEnds, places } = this;
    const product = values.slice();
    for (const { starts, order } of this.blocks) {
      for (let column = 0; column < side; column++) {
        const base = column * side;
        const end = starts[column + 1]!;
        for (let t = starts[column]!; t < end; t++) {
          const at = order[t]!;
          const value = values[at]!;
          const rowEnd = rowEnds[at]!;
          for (let i = rowStarts[at]!; i < rowEnd; i++) product[i]! += value * z[base + columns[i]!]!;
        }
      }
    }
    return places ? product.map((_, i) => product[places[i]!]!) : product;
  }
}

/** The entries from `from` to `to`, sorted by column. */
function byColumn(columns: Int32Array, side: number, from: number, to: number) {
  const starts = new Int32Array(side + 1);
  for (let i = from; i < to; i++) starts[columns[i]! + 1]!++;
  for (let column = 0; column < side; column++) starts[column + 1]! += starts[column]!;
  const next = starts.slice();
  const order = new Int32Array(to - from);
  for (let i = from; i < to; i++) order[next[columns[i]!]!++] = i;
  return { starts, order };
}

/** Copies the upper triangle into the lower one. */
function mirror(matrix: Float64Array, side: number): void {
  for (let top = 0; top < side; top += TILE) {
    for (let left = 0; left <= top; left += TILE) {
      for (let row = top; row < Math.min(top + TILE, side); row++) {
        const end = Math.min(left + TILE, row);
        for (let column = left; column < end; column++)
          matrix[row * side + column] = matrix[column * side + row]!;
      }
    }
  }
}
