/** How single tensors differ between diffusers' folders and original files, and the way from each to the other. */
import { InputError } from '../../errors.js';
import type { LazyTensor } from '../../formats/index.js';
import { type ArrayOf, BYTES_PER_ELEMENT, sizeOf, type Tensor } from '../../tensor/index.js';

/**
 * What an original file makes of a tensor: the same, a linear layer's weight [n, m] as a convolution's [n, m, 1, 1],
 * the transposed matrix, or the first, second or last third of the rows of one.
 */
export type Form = 'same' | 'convolution' | 'transposed' | 'query' | 'key' | 'value';

/** Where an original file has one of diffusers' tensors. */
export interface Place {
  readonly key: string;
  readonly form: Form;
}

const THIRDS: readonly Form[] = ['query', 'key', 'value'];

/** diffusers' tensor out of the original one. Throws InputError where the original one cannot be of that form. */
export function fromOriginal(key: string, form: Form, original: LazyTensor): LazyTensor {
  const { dtype, shape } = original;
  const refuse = (expected: string): never => {
    throw new InputError(`expected "${key}" to be ${expected}, got [${shape}]; take an original file`);
  };
  switch (form) {
    case 'same':
      return original;
    case 'convolution':
      if (shape.slice(2).some((side) => side !== 1)) refuse('a 1×1 convolution');
      return reshaped(original, shape.slice(0, 2));
    case 'transposed':
      if (shape.length !== 2) refuse('a matrix');
      return { dtype, shape: shape.toReversed(), load: async () => transpose(await original.load()) };
    default: {
      if (shape[0] === undefined || shape[0] % 3 !== 0) refuse('rows of queries, keys and values');
      const part = [shape[0]! / 3, ...shape.slice(1)];
      const start = THIRDS.indexOf(form) * sizeOf(part);
      const load = async (): Promise<Tensor> => {
        const { data } = await original.load();
        return { dtype, shape: part, data: data.slice(start, start + sizeOf(part)) } as Tensor;
      };
      return { dtype, shape: part, load };
    }
  }
}

/** The original tensor made of those of diffusers' that it holds. Throws InputError where one of three is missing. */
export function toOriginal(key: string, parts: ReadonlyMap<Form, LazyTensor>): LazyTensor {
  const [[form, first]] = [...parts] as [[Form, LazyTensor]];
  const { dtype, shape } = first;
  switch (form) {
    case 'same':
      return first;
    case 'convolution':
      return shape.length === 2 ? reshaped(first, [...shape, 1, 1]) : first;
    case 'transposed':
      return { dtype, shape: shape.toReversed(), load: async () => transpose(await first.load()) };
    default: {
      const rows = THIRDS.map((third) => {
        const part = parts.get(third);
        if (part?.dtype === dtype && String(part.shape) === String(shape)) return part;
        throw new InputError(
          `expected a ${third} beside its two likes for "${key}", of the same shape and precision; take a complete model`,
        );
      });
      const stacked = [3 * shape[0]!, ...shape.slice(1)];
      return { dtype, shape: stacked, load: async () => stack(stacked, rows) };
    }
  }
}

function reshaped(tensor: LazyTensor, shape: readonly number[]): LazyTensor {
  const load = async () => ({ ...(await tensor.load()), shape });
  return { dtype: tensor.dtype, shape, load };
}

function transpose(tensor: Tensor): Tensor {
  const { dtype, data } = tensor;
  const [rows, columns] = tensor.shape as [number, number];
  const turned = data.slice();
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++) {
      turned[column * rows + row] = data[row * columns + column]!;
    }
  }
  return { dtype, shape: [columns, rows], data: turned } as Tensor;
}

async function stack(shape: readonly number[], parts: readonly LazyTensor[]): Promise<Tensor> {
  const { dtype } = parts[0]!;
  const bytes = new Uint8Array(sizeOf(shape) * BYTES_PER_ELEMENT[dtype]);
  let at = 0;
  let Data: new (buffer: ArrayBuffer) => ArrayOf[typeof dtype] = Uint8Array;
  for (const part of parts) {
    const { data } = await part.load();
    Data = data.constructor as typeof Data;
    bytes.set(new Uint8Array(data.buffer, data.byteOffset, data.byteLength), at);
    at += data.byteLength;
  }
  return { dtype, shape, data: new Data(bytes.buffer) } as Tensor;
}
