/** Reader and writer of safetensors files. https://github.com/huggingface/safetensors */
import { type FileHandle, open, stat } from 'node:fs/promises';
import { InputError } from '../errors.js';
import { type DType, sizeOf, type Tensor, tensorOf } from '../tensor/index.js';
import { fileError, writeFileAtomic } from './files.js';
import {
  layOutHeader,
  MAX_HEADER_LENGTH,
  PREFIX_LENGTH,
  parseHeader,
  type TensorEntry,
} from './safetensors-header.js';

export type { TensorEntry } from './safetensors-header.js';

/** One system call reads at most 2 GiB; smaller pieces also let others in between. */
const READ_PIECE = 64 * 2 ** 20;

/** Reads all of `bytes` from a position of the file; false where the file ends before. */
async function readFully(handle: FileHandle, bytes: Uint8Array, position: number): Promise<boolean> {
  let done = 0;
  while (done < bytes.length) {
    const length = Math.min(READ_PIECE, bytes.length - done);
    const { bytesRead } = await handle.read(bytes, done, length, position + done);
    if (bytesRead === 0) return false;
    done += bytesRead;
  }
  return true;
}

/** What a file that is no safetensors file looks like, with what to do about it, where its first bytes tell. */
function foreignFile(start: Buffer): string | undefined {
  const text = start.toString('latin1');
  if (text.startsWith('version ')) {
    return 'it is a Git LFS pointer and not the file itself, so run "git lfs pull" in its repository';
  }
  if (text.startsWith('PK\x03\x04') || text.startsWith('\x80\x02')) {
    return 'it is a PyTorch pickle (.ckpt, .pt, .bin), so convert it to safetensors first';
  }
  if (text.startsWith('GGUF')) return 'it is a GGUF file, so take the safetensors version of the model';
  if (/^\s*<(!DOCTYPE|html)/i.test(text)) return 'it is a web page, so download the file itself again';
  return undefined;
}

async function readHeader(handle: FileHandle, fileLength: number) {
  if (fileLength === 0) throw new InputError('it is empty, so copy or download it again');
  if (fileLength < PREFIX_LENGTH) throw new InputError('it is cut short, so copy or download it again');
  const start = Buffer.alloc(Math.min(16, fileLength));
  await readFully(handle, start, 0);
  const length = start.readBigUInt64LE(0);
  if (length > MAX_HEADER_LENGTH) {
    throw new InputError(
      foreignFile(start) ?? `its header claims ${length} bytes, more than the format allows`,
    );
  }
  if (PREFIX_LENGTH + Number(length) > fileLength) {
    throw new InputError(
      `its header claims ${length} bytes but the file has ${fileLength}, so it may be cut short`,
    );
  }
  const json = new Uint8Array(Number(length));
  await readFully(handle, json, PREFIX_LENGTH);
  return parseHeader(json, fileLength);
}

/** A tensor over the memory of `bytes`. */
function viewOf(dtype: DType, shape: readonly number[], bytes: ArrayBufferView): Tensor {
  const { buffer, byteOffset } = bytes;
  const size = sizeOf(shape);
  switch (dtype) {
    case 'float32':
      return tensorOf(dtype, shape, new Float32Array(buffer, byteOffset, size));
    case 'float64':
      return tensorOf(dtype, shape, new Float64Array(buffer, byteOffset, size));
    case 'float16':
    case 'bfloat16':
      return tensorOf(dtype, shape, new Uint16Array(buffer, byteOffset, size));
    case 'int64':
      return tensorOf(dtype, shape, new BigInt64Array(buffer, byteOffset, size));
    case 'int32':
      return tensorOf(dtype, shape, new Int32Array(buffer, byteOffset, size));
    case 'int16':
      return tensorOf(dtype, shape, new Int16Array(buffer, byteOffset, size));
    case 'int8':
      return tensorOf(dtype, shape, new Int8Array(buffer, byteOffset, size));
    case 'uint8':
    case 'bool':
      return tensorOf(dtype, shape, new Uint8Array(buffer, byteOffset, size));
  }
}

/** An open safetensors file whose header has been checked; made by `openSafetensors`. */
export class SafetensorsFile {
  readonly path: string;
  readonly metadata: Readonly<Record<string, string>>;
  /** Every tensor's dtype, shape and place in the file, in the order of the bytes. */
  readonly tensors: ReadonlyMap<string, TensorEntry>;
  private readonly handle: FileHandle;

  constructor(
    path: string,
    handle: FileHandle,
    { metadata, tensors }: { metadata: Record<string, string>; tensors: Map<string, TensorEntry> },
  ) {
    this.path = path;
    this.handle = handle;
    this.metadata = metadata;
    this.tensors = tensors;
  }

  /**
   * Reads one tensor, into new memory or into `destination`, a view of exactly its bytes (in a SharedArrayBuffer too).
   * Throws InputError where the file has no such tensor or can no longer be read.
   */
  async read(name: string, destination?: ArrayBufferView): Promise<Tensor> {
    const entry = this.tensors.get(name);
    if (entry === undefined) {
      throw new InputError(
        `expected a tensor "${name}" in ${this.path}, which has ${this.tensors.size} others`,
      );
    }
    const { dtype, shape, offset, byteLength } = entry;
    if (destination !== undefined && destination.byteLength !== byteLength) {
      throw new RangeError(
        `tensor "${name}" needs ${byteLength} bytes, got room for ${destination.byteLength}`,
      );
    }
    const view = destination ?? new Uint8Array(byteLength);
    const bytes = new Uint8Array(view.buffer, view.byteOffset, byteLength);
    let complete: boolean;
    try {
      complete = await readFully(this.handle, bytes, offset);
    } catch (error) {
      throw fileError('read', this.path, error);
    }
    if (!complete) throw new InputError(`${this.path} was cut short while it was read, so open it again`);
    return viewOf(dtype, shape, bytes);
  }

  /** Reads every tensor, in the order of the bytes. */
  async readAll(): Promise<Map<string, Tensor>> {
    const all = new Map<string, Tensor>();
    for (const name of this.tensors.keys()) all.set(name, await this.read(name));
    return all;
  }

  async close(): Promise<void> {
    await this.handle.close();
  }
}

/** Opens a safetensors file and checks its header. Throws InputError where the file breaks any rule of the format. */
export async function openSafetensors(path: string): Promise<SafetensorsFile> {
  let handle: FileHandle | undefined;
  try {
    const info = await stat(path);
    if (!info.isFile()) {
      throw new InputError(`it is ${info.isDirectory() ? 'a folder' : 'not a regular file'}, so name a file`);
    }
    handle = await open(path, 'r');
    return new SafetensorsFile(path, handle, await readHeader(handle, info.size));
  } catch (error) {
    await handle?.close();
    if (!(error instanceof InputError)) throw fileError('read', path, error);
    throw new InputError(`cannot read ${path} as safetensors: ${error.message}`, { cause: error });
  }
}

/** Opens a safetensors file, reads everything and closes it. Throws InputError like `openSafetensors`. */
export async function readSafetensors(
  path: string,
): Promise<{ metadata: Readonly<Record<string, string>>; tensors: Map<string, Tensor> }> {
  const file = await openSafetensors(path);
  try {
    return { metadata: file.metadata, tensors: await file.readAll() };
  } finally {
    await file.close();
  }
}

/** A tensor whose data is made when its turn to be written comes, so that a large file never lies in memory whole. */
export interface LazyTensor {
  readonly dtype: DType;
  readonly shape: readonly number[];
  load(): Tensor | Promise<Tensor>;
}

export type Tensors =
  | ReadonlyMap<string, Tensor | LazyTensor>
  | Readonly<Record<string, Tensor | LazyTensor>>;

async function bytesOf(name: string, source: Tensor | LazyTensor): Promise<Uint8Array> {
  const { dtype, shape, data } = 'load' in source ? await source.load() : source;
  if (dtype !== source.dtype || data.length !== sizeOf(source.shape)) {
    throw new RangeError(
      `tensor "${name}" was announced as ${source.dtype} [${source.shape}], got ${dtype} [${shape}] with ${data.length} values`,
    );
  }
  return new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
}

/**
 * Writes a safetensors file, atomically and tensor by tensor: the bytes the reference library writes for the same
 * tensors. Throws InputError where the operating system refuses.
 */
export async function writeSafetensors(
  path: string,
  tensors: Tensors,
  metadata?: Readonly<Record<string, string>>,
): Promise<void> {
  const sources: ReadonlyMap<string, Tensor | LazyTensor> =
    tensors instanceof Map ? tensors : new Map(Object.entries(tensors));
  const { bytes, order } = layOutHeader(sources, metadata);
  const chunks = async function* () {
    yield bytes;
    for (const name of order) yield await bytesOf(name, sources.get(name)!);
  };
  await writeFileAtomic(path, chunks());
}
