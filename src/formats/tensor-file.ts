/** Files of named tensors, whichever format they are in. */
import type { DType, Tensor } from '../tensor/index.js';
import { type LazyTensor, openSafetensors } from './safetensors.js';

/** An open file of tensors: safetensors, or what PyTorch saves. */
export interface TensorFile {
  readonly path: string;
  /** Texts that describe the file; pickles have none. */
  readonly metadata?: Readonly<Record<string, string>>;
  readonly tensors: ReadonlyMap<string, { readonly dtype: DType; readonly shape: readonly number[] }>;
  read(name: string): Promise<Tensor>;
  close(): Promise<void>;
}

/** Opens a file of tensors by what its first bytes say it is. Throws InputError where it is broken or of neither kind. */
export async function openTensorFile(path: string): Promise<TensorFile> {
  return openSafetensors(path);
}

/** A file's tensors, each read when its turn comes. */
export function lazyTensors(file: TensorFile): Map<string, LazyTensor> {
  return new Map(
    [...file.tensors].map(([name, { dtype, shape }]) => [
      name,
      { dtype, shape, load: () => file.read(name) },
    ]),
  );
}
