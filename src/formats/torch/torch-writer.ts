/** Writes PyTorch's files (`.pt`), which `torch.load(path, weights_only=True)` reads. */
import { sizeOf, type Tensor } from '../../tensor/index.js';
import { writeFileAtomic } from '../files.js';
import type { LazyTensor } from '../safetensors.js';
import { pickleOf, type WritableTorchValue } from './pickle-writer.js';
import { zipChunks } from './zip-writer.js';

/** The folder in the archive; torch itself takes the file's name, and reads any. */
const ROOT = 'archive';
/** Of torch's zip format. */
const VERSION = '3\n';

/** Writes a value, atomically and tensor by tensor. Throws InputError where the operating system refuses. */
export async function writeTorch(path: string, value: WritableTorchValue): Promise<void> {
  const { bytes, tensors } = pickleOf(value);
  const entries: [string, () => Uint8Array | Promise<Uint8Array>][] = [
    [`${ROOT}/data.pkl`, () => bytes],
    [`${ROOT}/byteorder`, () => Buffer.from('little')],
    ...tensors.map((tensor, i): [string, () => Promise<Uint8Array>] => [
      `${ROOT}/data/${i}`,
      () => bytesOf(tensor),
    ]),
    [`${ROOT}/version`, () => Buffer.from(VERSION)],
  ];
  await writeFileAtomic(path, zipChunks(entries));
}

async function bytesOf(tensor: Tensor | LazyTensor): Promise<Uint8Array> {
  const { dtype, shape, data } = 'load' in tensor ? await tensor.load() : tensor;
  if (dtype !== tensor.dtype || data.length !== sizeOf(tensor.shape)) {
    throw new RangeError(
      `a tensor was announced as ${tensor.dtype} [${tensor.shape}], got ${dtype} [${shape}] with ${data.length} values`,
    );
  }
  return new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
}
