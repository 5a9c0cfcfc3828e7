/** Files of named tensors, whichever format they are in. */
import { open } from 'node:fs/promises';
import type { DType, Tensor } from '../tensor/index.js';
import { fileError } from './files.js';
import { type LazyTensor, openSafetensors } from './safetensors.js';
import { openTorchTensors } from './torch/torch-file.js';

/** An open file of tensors: safetensors, or what PyTorch saves. */
export interface TensorFile {
  readonly path: string;
  /** What stands beside the tensors as texts. */
  readonly metadata: Readonly<Record<string, string>>;
  readonly tensors: ReadonlyMap<string, { readonly dtype: DType; readonly shape: readonly number[] }>;
  read(name: string): Promise<Tensor>;
  close(): Promise<void>;
}

/** Beginnings of PyTorch's files: a zip archive, and the bare pickle of old versions. */
const PYTORCH = ['PK\x03\x04', '\x80\x02'];

/** Opens a file of tensors as what its first bytes say it is. Throws InputError where it is broken or of neither kind. */
export async function openTensorFile(path: string): Promise<TensorFile> {
  return (await isTorchFile(path)) ? openTorchTensors(path) : openSafetensors(path);
}

/** Whether the file's first bytes are those of PyTorch's files. Throws InputError where it cannot be read. */
export async function isTorchFile(path: string): Promise<boolean> {
  const start = await firstBytes(path, 4);
  return PYTORCH.some((magic) => start.startsWith(magic));
}

async function firstBytes(path: string, count: number): Promise<string> {
  try {
    const handle = await open(path, 'r');
    try {
      const { buffer, bytesRead } = await handle.read(Buffer.alloc(count), 0, count, 0);
      return buffer.toString('latin1', 0, bytesRead);
    } finally {
      await handle.close();
    }
  } catch (error) {
    throw fileError('read', path, error);
  }
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
