/** Host tensors: a shape, a dtype and a typed array in row-major order. */

/** float16 and bfloat16 are kept as their bit patterns; see half.ts for conversion. */
export interface ArrayOf {
  float32: Float32Array;
  float64: Float64Array;
  float16: Uint16Array;
  bfloat16: Uint16Array;
  int64: BigInt64Array;
  int32: Int32Array;
  int16: Int16Array;
  int8: Int8Array;
  uint8: Uint8Array;
  bool: Uint8Array;
}

export type DType = keyof ArrayOf;

export interface Tensor<D extends DType = DType> {
  readonly dtype: D;
  readonly shape: readonly number[];
  readonly data: ArrayOf[D];
}

export const BYTES_PER_ELEMENT: Record<DType, number> = {
  float32: 4,
  float64: 8,
  float16: 2,
  bfloat16: 2,
  int64: 8,
  int32: 4,
  int16: 2,
  int8: 1,
  uint8: 1,
  bool: 1,
};

/** Number of elements of a shape; 1 for a scalar. */
export function sizeOf(shape: readonly number[]): number {
  return shape.reduce((product, side) => product * side, 1);
}

/** A tensor of any dtype over existing data; throws if the data does not have the shape's length. */
export function tensorOf<D extends DType>(dtype: D, shape: readonly number[], data: ArrayOf[D]): Tensor<D> {
  if (data.length !== sizeOf(shape)) {
    throw new RangeError(`tensor of shape [${shape}] needs ${sizeOf(shape)} values, got ${data.length}`);
  }
  return { dtype, shape, data };
}

/** A float32 tensor over existing data (not copied). */
export function tensor(shape: readonly number[], data: Float32Array): Tensor<'float32'> {
  return tensorOf('float32', shape, data);
}
