/** One open PyTorch file: the value that its pickle describes, and reading the tensors in it from their places in the file. */
import { type FileHandle, open, stat } from 'node:fs/promises';
import { InputError } from '../../errors.js';
import { BYTES_PER_ELEMENT, type DType, sizeOf, type Tensor } from '../../tensor/index.js';
import { fileError } from '../files.js';
import type { TensorEntry } from '../safetensors-header.js';
import { type Storage, type TensorPlace, TORCH_CONTEXT } from './objects.js';
import { unpickle } from './pickle.js';
import { quoted } from './quoted.js';
import { StoredZip, type ZipEntry } from './zip.js';

/** The pickles of real checkpoints take a few hundred kB; each byte may cost a hundred in memory. */
const LARGEST_PICKLE = 16 * 2 ** 20;

const PICKLE = '/data.pkl';

export class TorchArchive {
  private readonly verified = new Set<string>();

  private constructor(
    readonly path: string,
    /** Of the file, in bytes. */
    readonly size: number,
    /** Null, booleans, numbers, strings, arrays, Maps, Opaque objects and TensorPlaces. */
    readonly value: unknown,
    private readonly handle: FileHandle,
    private readonly zip: StoredZip,
    private readonly root: string,
  ) {}

  /** Throws InputError where the file is none of PyTorch's, damaged, or holds more than data. */
  static async open(path: string): Promise<TorchArchive> {
    let handle: FileHandle | undefined;
    try {
      const info = await stat(path);
      if (!info.isFile()) {
        throw new InputError(
          `it is ${info.isDirectory() ? 'a folder' : 'not a regular file'}, so name a file`,
        );
      }
      handle = await open(path, 'r');
      await checkKind(handle);
      const zip = await StoredZip.open(handle);
      const root = await rootOf(zip);
      const pickle = await zip.locate(root + PICKLE);
      if (pickle.byteLength > LARGEST_PICKLE) {
        throw new InputError(`its pickle has ${pickle.byteLength} bytes, more than any checkpoint needs`);
      }
      const value = unpickle(await zip.readWhole(pickle), TORCH_CONTEXT);
      return new TorchArchive(path, info.size, value, handle, zip, root);
    } catch (error) {
      await handle?.close();
      throw told(path, error);
    }
  }

  /** A tensor's place in the file, checked. Where it is not contiguous, `offset` is that of its first element alone. */
  async locate({ storage, dtype, shape, offset }: TensorPlace): Promise<TensorEntry> {
    const { offset: start } = await this.entryOf(storage);
    const bytes = BYTES_PER_ELEMENT[dtype];
    return { dtype, shape, offset: start + bytes * offset, byteLength: bytes * sizeOf(shape) };
  }

  /**
   * Reads one tensor, row-major, into new memory or into `destination`, a view of exactly its bytes.
   * Throws InputError where the file's checksum of it is wrong or it can no longer be read.
   */
  async read(place: TensorPlace, destination?: ArrayBufferView): Promise<Tensor> {
    const { storage, dtype, shape } = place;
    const byteLength = BYTES_PER_ELEMENT[dtype] * sizeOf(shape);
    if (destination !== undefined && destination.byteLength !== byteLength) {
      throw new RangeError(`a tensor of ${byteLength} bytes was given room for ${destination.byteLength}`);
    }
    const view = destination ?? new Uint8Array(byteLength);
    const bytes = new Uint8Array(view.buffer, view.byteOffset, byteLength);
    const entry = await this.entryOf(storage);
    try {
      await this.readInto(place, entry, bytes);
    } catch (error) {
      throw told(this.path, error);
    }
    return tensorOfBytes(dtype, shape, bytes);
  }

  private async readInto(place: TensorPlace, entry: ZipEntry, bytes: Uint8Array): Promise<void> {
    const { storage, dtype, offset, shape, strides } = place;
    if (bytes.length === 0) return;
    const width = BYTES_PER_ELEMENT[dtype];
    const contiguous = isContiguous(shape, strides);
    if (contiguous && bytes.length === entry.byteLength) {
      await this.zip.readWhole(entry, bytes);
      return;
    }
    if (!this.verified.has(storage.key)) {
      await this.zip.verify(entry);
      this.verified.add(storage.key);
    }
    if (contiguous) {
      await this.zip.read(entry, bytes, width * offset);
      return;
    }
    const span = shape.reduce((sum, side, axis) => sum + (side - 1) * strides[axis]!, 1);
    const source = new Uint8Array(width * span);
    await this.zip.read(entry, source, width * offset);
    gatherRows(source, bytes, width, shape, strides);
  }

  /** The zip entry of a storage, which has exactly its size. */
  private async entryOf({ key, dtype, length }: Storage): Promise<ZipEntry> {
    try {
      const entry = await this.zip.locate(`${this.root}/data/${key}`);
      const needed = BYTES_PER_ELEMENT[dtype] * length;
      if (entry.byteLength === needed) return entry;
      throw new InputError(
        `its storage ${quoted(key)} of ${length} ${dtype} needs ${needed} bytes but has ${entry.byteLength}, so copy or download it again`,
      );
    } catch (error) {
      throw told(this.path, error);
    }
  }

  async close(): Promise<void> {
    await this.handle.close();
  }
}

/** `error` with the file's name; bugs are left as they are. */
function told(path: string, error: unknown): unknown {
  if (!(error instanceof InputError)) return fileError('read', path, error);
  return new InputError(`cannot read ${path} as a PyTorch file: ${error.message}`, { cause: error });
}

/** How files start that are no PyTorch files, and what to do about them. */
const OTHERS: readonly (readonly [start: (text: string) => boolean, what: string])[] = [
  [(text) => text === '', 'it is empty, so copy or download it again'],
  [
    (text) => text.startsWith('version http'),
    'it is a Git LFS pointer and not the file itself, so run "git lfs pull" in its repository',
  ],
  [(text) => /^\s*<(!DOCTYPE|html)/i.test(text), 'it is a web page, so download the file itself again'],
  [(text) => text.startsWith('GGUF'), 'it is a GGUF file, so take another version of the model'],
  [(text) => text.startsWith('{"', 8), 'it is a safetensors file, so name it .safetensors'],
  [
    (text) => text.startsWith('\x80\x02'),
    'it is a bare pickle, the format from before PyTorch 1.6, so save it with a newer PyTorch or take it as safetensors',
  ],
];

/** Throws InputError unless the file starts as a zip archive does. */
async function checkKind(handle: FileHandle): Promise<void> {
  const start = Buffer.alloc(16);
  const { bytesRead } = await handle.read(start, 0, start.length, 0);
  const text = start.toString('latin1', 0, bytesRead);
  if (text.startsWith('PK')) return;
  const other = OTHERS.find(([starts]) => starts(text));
  throw new InputError(other?.[1] ?? 'it is no zip archive, which torch.save writes, so name another file');
}

/** The folder in the archive that holds everything. */
async function rootOf(zip: StoredZip): Promise<string> {
  const roots = [...zip.names]
    .filter((name) => name.endsWith(PICKLE))
    .map((name) => name.slice(0, -PICKLE.length));
  const [root] = roots;
  if (root === undefined || roots.length > 1) {
    throw new InputError(
      `it has ${roots.length} entries named data.pkl, expected one; name a file that torch.save wrote`,
    );
  }
  if (zip.has(`${root}/constants.pkl`)) {
    throw new InputError(
      'it is a TorchScript program and no checkpoint, so name a file that torch.save wrote',
    );
  }
  const order = `${root}/byteorder`;
  if (zip.has(order)) {
    const text = Buffer.from(await zip.readWhole(await zip.locate(order))).toString('latin1');
    if (text !== 'little') {
      throw new InputError('its numbers are not little-endian, so save it again on an ordinary machine');
    }
  }
  return root;
}

function isContiguous(shape: readonly number[], strides: readonly number[]): boolean {
  let expected = 1;
  for (let axis = shape.length - 1; axis >= 0; axis--) {
    if (shape[axis] !== 1 && strides[axis] !== expected) return false;
    expected *= shape[axis]!;
  }
  return true;
}

/** Elements of `width` bytes at the given strides, in row-major order. */
function gatherRows(
  source: Uint8Array,
  target: Uint8Array,
  width: number,
  shape: readonly number[],
  strides: readonly number[],
): void {
  const index = shape.map(() => 0);
  let from = 0;
  for (let to = 0; to < target.length; to += width) {
    for (let byte = 0; byte < width; byte++) target[to + byte] = source[from * width + byte]!;
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      from += strides[axis]!;
      if (++index[axis]! < shape[axis]!) break;
      from -= strides[axis]! * shape[axis]!;
      index[axis] = 0;
    }
  }
}

const ARRAYS = {
  float32: Float32Array,
  float64: Float64Array,
  float16: Uint16Array,
  bfloat16: Uint16Array,
  int64: BigInt64Array,
  int32: Int32Array,
  int16: Int16Array,
  int8: Int8Array,
  uint8: Uint8Array,
  bool: Uint8Array,
} as const;

/** A tensor over the memory of `bytes`. */
function tensorOfBytes(dtype: DType, shape: readonly number[], { buffer, byteOffset }: Uint8Array): Tensor {
  return {
    dtype,
    shape,
    data: new ARRAYS[dtype](buffer as ArrayBuffer, byteOffset, sizeOf(shape)),
  } as Tensor;
}
