/** Writes plain values and tensors as the pickle (protocol 2) of a PyTorch file. */
import { sizeOf, type Tensor } from '../../tensor/index.js';
import type { LazyTensor } from '../safetensors.js';
import { STORAGE_NAMES } from './objects.js';

/** What can be written. Whole numbers up to 2⁵³ become Python's int, others float; arrays become lists. */
export type WritableTorchValue =
  | null
  | boolean
  | number
  | string
  | Tensor
  | LazyTensor
  | readonly WritableTorchValue[]
  | ReadonlyMap<string | number, WritableTorchValue>;

export interface PickledValue {
  readonly bytes: Uint8Array;
  /** The tensors by the numbers that their storages have, each on a storage of its own. */
  readonly tensors: readonly (Tensor | LazyTensor)[];
}

/** The pickle of a value. */
export function pickleOf(value: WritableTorchValue): PickledValue {
  const writer = new PickleWriter();
  writer.raw(0x80, 2);
  writer.value(value);
  writer.raw('.');
  return { bytes: Buffer.concat(writer.parts), tensors: writer.tensors };
}

class PickleWriter {
  readonly parts: Uint8Array[] = [];
  readonly tensors: (Tensor | LazyTensor)[] = [];
  /** Places in the memo of functions written before. */
  private readonly memo = new Map<string, number>();

  /** Opcodes, as letters or numbers. */
  raw(...opcodes: (string | number)[]): void {
    for (const opcode of opcodes) {
      this.parts.push(typeof opcode === 'number' ? Uint8Array.of(opcode) : Buffer.from(opcode, 'latin1'));
    }
  }

  value(value: WritableTorchValue): void {
    if (value === null) this.raw('N');
    else if (typeof value === 'boolean') this.raw(value ? 0x88 : 0x89);
    else if (typeof value === 'number') this.number(value);
    else if (typeof value === 'string') this.text(value);
    else if (value instanceof Map) {
      this.raw('}', '(');
      for (const [key, entry] of value) {
        this.value(key);
        this.value(entry);
      }
      this.raw('u');
    } else if ('dtype' in value) this.tensor(value);
    else {
      this.raw(']', '(');
      for (const entry of value as readonly WritableTorchValue[]) this.value(entry);
      this.raw('e');
    }
  }

  private number(value: number): void {
    const bytes = Buffer.alloc(9);
    if (!Number.isSafeInteger(value) || Object.is(value, -0)) {
      bytes.write('G', 'latin1');
      bytes.writeDoubleBE(value, 1);
      this.parts.push(bytes);
    } else if (value === (value | 0)) {
      bytes.write('J', 'latin1');
      bytes.writeInt32LE(value, 1);
      this.parts.push(bytes.subarray(0, 5));
    } else {
      this.raw(0x8a);
      bytes[0] = 8;
      bytes.writeBigInt64LE(BigInt(value), 1);
      this.parts.push(bytes);
    }
  }

  private text(value: string): void {
    const bytes = Buffer.from(value);
    const length = Buffer.alloc(4);
    length.writeUInt32LE(bytes.length);
    this.raw('X');
    this.parts.push(length, bytes);
  }

  /** A tuple of up to 3 whole numbers has an opcode of its own; the general one serves all. */
  private counts(values: readonly number[]): void {
    this.raw('(');
    for (const value of values) this.number(value);
    this.raw('t');
  }

  private global(module: string, name: string): void {
    const path = `${module}\n${name}\n`;
    const place = this.memo.get(path);
    if (place !== undefined) {
      this.raw('h', place);
      return;
    }
    this.memo.set(path, this.memo.size);
    this.raw('c', path, 'q', this.memo.size - 1);
  }

  /** `_rebuild_tensor_v2(storage, 0, size, stride, False, OrderedDict())`, the storage as a persistent id. */
  private tensor(tensor: Tensor | LazyTensor): void {
    const { dtype, shape } = tensor;
    const key = this.tensors.push(tensor) - 1;
    this.global('torch._utils', '_rebuild_tensor_v2');
    this.raw('(', '(');
    this.text('storage');
    this.global('torch', STORAGE_NAMES[dtype]);
    this.text(String(key));
    this.text('cpu');
    this.number(sizeOf(shape));
    this.raw('t', 'Q');
    this.number(0);
    this.counts(shape);
    this.counts(shape.map((_, axis) => sizeOf(shape.slice(axis + 1))));
    this.raw(0x89);
    this.global('collections', 'OrderedDict');
    this.raw(')', 'R', 't', 'R');
  }
}
