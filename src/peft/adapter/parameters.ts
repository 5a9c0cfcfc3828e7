/** Parameters of a method's own as an adapter's tensors, under the keys they have in training. */
import { InputError } from '../../errors.js';
import type { Parameters } from '../../nn/index.js';
import { float32ToHalf, type Tensor, tensor, tensorOf, toFloat32 } from '../../tensor/index.js';
import { type Adapter, type AdapterDType, nameOf } from './adapter.js';

/** Factors on whole layers, whose rounding to float16 would change more than training did. */
const PRECISE = /\.lora_magnitude_vector$/;

/** The tensors of an adapter: parameters, and constants of modules as scalars. */
export function packParameters(
  parameters: Parameters,
  constants: ReadonlyMap<string, number>,
  dtype: AdapterDType = 'float16',
): Map<string, Tensor> {
  const tensors = new Map<string, Tensor>();
  for (const [key, weight] of parameters) {
    const data = toFloat32(weight);
    const half = dtype === 'float16' && !PRECISE.test(key);
    tensors.set(
      key,
      half ? tensorOf('float16', weight.shape, float32ToHalf(data)) : tensor(weight.shape, data.slice()),
    );
  }
  for (const [key, value] of constants) tensors.set(key, tensor([], Float32Array.of(value)));
  return tensors;
}

/** A tensor of an adapter in float32. Throws InputError where it is missing, no floats, or not finite. */
export function readParameter(adapter: Adapter, key: string): Tensor<'float32'> {
  const found = adapter.tensors.get(key);
  if (!found?.dtype.startsWith('float')) {
    throw new InputError(
      `${nameOf(adapter)} should have "${key}" in float32 or float16 but has ${found ? `it in ${found.dtype}` : 'no such tensor'}; make the adapter again`,
    );
  }
  const data = toFloat32(found);
  const wrong = data.findIndex((value) => !Number.isFinite(value));
  if (wrong < 0) return tensor(found.shape, data);
  throw new InputError(
    `cannot use "${key}" of ${nameOf(adapter)}: a value is ${data[wrong]}, expected finite numbers; make the adapter again`,
  );
}
