/**
 * A reader of Python pickles (protocol 2) that runs nothing: what a pickle names is looked up in a list of ours, and
 * everything else is refused. https://docs.python.org/3/library/pickletools.html lists the opcodes.
 */
import { InputError } from '../../errors.js';

/** What a pickle may name and call; a function of this program, never of Python. */
export class PickleFunction {
  constructor(
    /** As Python has it, such as `torch._utils._rebuild_tensor_v2`. */
    readonly name: string,
    readonly call: (args: readonly unknown[]) => unknown,
  ) {}
}

/** What the things are that a pickle does not hold itself. Each throws InputError for what it does not know. */
export interface PickleContext {
  /** Something named by module and name. */
  global(module: string, name: string): unknown;
  /** Something kept beside the pickle. */
  persistent(id: unknown): unknown;
  /** Sets an object's attributes. */
  build(target: unknown, state: unknown): void;
}

/** The opcodes that Python's writer of protocol 2 uses for plain data, and no more. */
const OP = {
  mark: 0x28, // (
  emptyTuple: 0x29, // )
  stop: 0x2e, // .
  binFloat: 0x47, // G
  binInt: 0x4a, // J
  binInt1: 0x4b, // K
  binInt2: 0x4d, // M
  none: 0x4e, // N
  binPersId: 0x51, // Q
  reduce: 0x52, // R
  binUnicode: 0x58, // X
  emptyList: 0x5d, // ]
  append: 0x61, // a
  build: 0x62, // b
  global: 0x63, // c
  appends: 0x65, // e
  binGet: 0x68, // h
  longBinGet: 0x6a, // j
  binPut: 0x71, // q
  longBinPut: 0x72, // r
  setItem: 0x73, // s
  tuple: 0x74, // t
  setItems: 0x75, // u
  emptyDict: 0x7d, // }
  proto: 0x80,
  newObj: 0x81,
  tuple1: 0x85,
  tuple2: 0x86,
  tuple3: 0x87,
  newTrue: 0x88,
  newFalse: 0x89,
  long1: 0x8a,
} as const;

const PROTOCOL = 2;
const NEWLINE = 0x0a;

/**
 * The value of a pickle: null, booleans, numbers (bigint where they are too large), strings, arrays for tuples and
 * lists, Maps for dicts, and what the context makes. Objects that the pickle has twice are the same object here.
 * Throws InputError, without the file's name, where the pickle is damaged or asks for more than plain data.
 */
export function unpickle(bytes: Uint8Array, context: PickleContext): unknown {
  return new Machine(bytes, context).run();
}

class Machine {
  private readonly view: DataView;
  private at = 0;
  private readonly stack: unknown[] = [];
  /** Heights of the stack at open marks. */
  private readonly marks: number[] = [];
  private readonly memo = new Map<number, unknown>();

  constructor(
    private readonly bytes: Uint8Array,
    private readonly context: PickleContext,
  ) {
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  run(): unknown {
    if (this.byte() !== OP.proto) throw damaged('it does not start with a protocol');
    const protocol = this.byte();
    if (protocol !== PROTOCOL) {
      throw new InputError(
        `its pickle has protocol ${protocol}, expected ${PROTOCOL} as torch.save writes it, so take the file as safetensors`,
      );
    }
    for (;;) {
      const opcode = this.byte();
      if (opcode === OP.stop) break;
      this.step(opcode);
    }
    const value = this.pop();
    if (this.stack.length > 0 || this.marks.length > 0) throw damaged('it ends before its value is complete');
    return value;
  }

  private step(opcode: number): void {
    const { stack } = this;
    switch (opcode) {
      case OP.none:
        stack.push(null);
        return;
      case OP.newTrue:
        stack.push(true);
        return;
      case OP.newFalse:
        stack.push(false);
        return;
      case OP.binInt:
        stack.push(this.view.getInt32(this.advance(4), true));
        return;
      case OP.binInt1:
        stack.push(this.byte());
        return;
      case OP.binInt2:
        stack.push(this.view.getUint16(this.advance(2), true));
        return;
      case OP.long1:
        stack.push(this.long(this.byte()));
        return;
      case OP.binFloat:
        stack.push(this.view.getFloat64(this.advance(8)));
        return;
      case OP.binUnicode:
        stack.push(this.text(this.uint32()));
        return;

      case OP.mark:
        this.marks.push(stack.length);
        return;
      case OP.emptyTuple:
      case OP.emptyList:
        stack.push([]);
        return;
      case OP.tuple:
        stack.push(this.popToMark());
        return;
      case OP.tuple1:
      case OP.tuple2:
      case OP.tuple3:
        stack.push(this.popMany(opcode - OP.tuple1 + 1));
        return;
      case OP.append:
        this.append([this.pop()]);
        return;
      case OP.appends:
        this.append(this.popToMark());
        return;
      case OP.emptyDict:
        stack.push(new Map());
        return;
      case OP.setItem:
        this.setItems(this.popMany(2));
        return;
      case OP.setItems:
        this.setItems(this.popToMark());
        return;

      case OP.binPut:
        this.memo.set(this.byte(), this.top());
        return;
      case OP.longBinPut:
        this.memo.set(this.uint32(), this.top());
        return;
      case OP.binGet:
        stack.push(this.recall(this.byte()));
        return;
      case OP.longBinGet:
        stack.push(this.recall(this.uint32()));
        return;

      case OP.global:
        stack.push(this.context.global(this.line(), this.line()));
        return;
      case OP.binPersId:
        stack.push(this.context.persistent(this.pop()));
        return;
      case OP.reduce:
      case OP.newObj:
        this.call();
        return;
      case OP.build: {
        const state = this.pop();
        this.context.build(this.top(), state);
        return;
      }
      default:
        throw damaged(`it has the opcode 0x${opcode.toString(16)}, which data of protocol ${PROTOCOL} lack`);
    }
  }

  private call(): void {
    const [called, args] = this.popMany(2);
    if (!(called instanceof PickleFunction) || !Array.isArray(args))
      throw damaged('it calls what is no function');
    this.stack.push(called.call(args));
  }

  private append(items: unknown[]): void {
    const list = this.top();
    if (!Array.isArray(list)) throw damaged('it appends to what is no list');
    for (const item of items) list.push(item);
  }

  private setItems(items: unknown[]): void {
    const dict = this.top();
    if (!(dict instanceof Map) || items.length % 2 !== 0) throw damaged('it sets items of what is no dict');
    for (let i = 0; i < items.length; i += 2) {
      if (dict.has(items[i])) throw damaged('it sets an item of a dict twice');
      dict.set(items[i], items[i + 1]);
    }
  }

  private recall(index: number): unknown {
    if (!this.memo.has(index)) throw damaged('it recalls what it never stored');
    return this.memo.get(index);
  }

  private top(): unknown {
    if (this.stack.length <= (this.marks.at(-1) ?? 0)) throw damaged('it takes from an empty stack');
    return this.stack.at(-1);
  }

  private pop(): unknown {
    const value = this.top();
    this.stack.pop();
    return value;
  }

  /** The last `count` values, in the order in which they were pushed. */
  private popMany(count: number): unknown[] {
    const values = Array.from({ length: count }, () => this.pop());
    return values.reverse();
  }

  private popToMark(): unknown[] {
    const mark = this.marks.pop();
    if (mark === undefined) throw damaged('it lacks a mark');
    return this.stack.splice(mark);
  }

  /** The position before moving on by `length` bytes. */
  private advance(length: number): number {
    const { at } = this;
    if (at + length > this.bytes.length) throw damaged('it is cut short');
    this.at += length;
    return at;
  }

  private byte(): number {
    return this.bytes[this.advance(1)]!;
  }

  private uint32(): number {
    return this.view.getUint32(this.advance(4), true);
  }

  /** Two's complement, least byte first. */
  private long(length: number): number | bigint {
    const at = this.advance(length);
    let value = 0n;
    for (let i = length - 1; i >= 0; i--) value = (value << 8n) | BigInt(this.bytes[at + i]!);
    value = BigInt.asIntN(8 * length, value);
    const number = Number(value);
    return Number.isSafeInteger(number) ? number : value;
  }

  private text(length: number): string {
    const at = this.advance(length);
    try {
      return UTF8.decode(this.bytes.subarray(at, at + length));
    } catch {
      throw damaged('a text in it is not UTF-8');
    }
  }

  private line(): string {
    const end = this.bytes.indexOf(NEWLINE, this.at);
    const line = this.text((end === -1 ? this.bytes.length : end) - this.at);
    this.advance(1);
    return line;
  }
}

const UTF8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

function damaged(how: string): InputError {
  return new InputError(`its pickle is damaged (${how}), so copy or download it again`);
}
