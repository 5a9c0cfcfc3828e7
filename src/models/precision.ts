/** Weights in another precision, converted when their turn to be written comes. */
import { InputError } from '../errors.js';
import type { LazyTensor } from '../formats/index.js';
import {
  type DType,
  float32ToBfloat,
  float32ToHalf,
  type Tensor,
  tensor,
  tensorOf,
  toFloat32,
} from '../tensor/index.js';

/** Precisions in which weights are written. */
export const SAVE_DTYPES = ['float16', 'float32', 'bfloat16'] as const;
export type SaveDType = (typeof SAVE_DTYPES)[number];

const FLOATS: readonly DType[] = ['float16', 'bfloat16', 'float32', 'float64'];

/** Beyond this a float16 is infinite. */
const LARGEST_HALF = 65504;

/**
 * The weight `key` of the network `name` in this precision; whole numbers and what has it already stay as they are.
 * Loading throws InputError where a value is beyond the range of float16.
 */
export function inPrecision(
  name: string,
  key: string,
  weight: Tensor | LazyTensor,
  dtype: SaveDType,
): Tensor | LazyTensor {
  if (weight.dtype === dtype || !FLOATS.includes(weight.dtype)) return weight;
  const { shape } = weight;
  const load = async (): Promise<Tensor> => {
    const values = toFloat32('load' in weight ? await weight.load() : weight);
    if (dtype === 'float32') return tensor(shape, values);
    if (dtype === 'bfloat16') return tensorOf(dtype, shape, float32ToBfloat(values));
    if (values.some((value) => Math.abs(value) > LARGEST_HALF)) {
      throw new InputError(
        `${name}: weight "${key}" has values beyond ±${LARGEST_HALF}, the range of float16; save as float32`,
      );
    }
    return tensorOf(dtype, shape, float32ToHalf(values));
  };
  return { dtype, shape, load };
}
