/** Reading numbers of an optimizer's state. */
import { InputError } from '../errors.js';
import type { OptimizerState } from './optimizer.js';

/** A copy of them. Throws InputError unless the state has so many under this name. */
export function storedFloats(tensors: OptimizerState['tensors'], name: string, length: number): Float32Array {
  const found = tensors.get(name);
  if (found?.data instanceof Float32Array && found.data.length === length) return found.data.slice();
  const got = found ? `${found.data.length} values of type ${found.dtype}` : 'nothing';
  throw new InputError(
    `the checkpoint holds ${got} as "${name}", expected ${length} of type float32; it is of another run, so start anew or name that run's model and options`,
  );
}
