/** PyTorch files: what checkpoints hold, what must not be read from them, files that lie, and files that we write. */
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { InputError } from '../../src/errors.js';
import { crc32, crc32Portable } from '../../src/formats/crc32.js';
import { openTorchTensors, readTorchValue, writeFileAtomic, writeTorch } from '../../src/formats/index.js';
import { type TensorPlace, TORCH_CONTEXT } from '../../src/formats/torch/objects.js';
import { unpickle } from '../../src/formats/torch/pickle.js';
import { quoted } from '../../src/formats/torch/quoted.js';
import { zipChunks } from '../../src/formats/torch/zip-writer.js';
import {
  BYTES_PER_ELEMENT,
  type DType,
  sizeOf,
  type Tensor,
  tensor,
  tensorOf,
} from '../../src/tensor/index.js';
import { temporaryFolder } from '../support/temporary.js';

const FIXTURES = 'test/fixtures/torch';

/** Named tensors of a file as { name: [dtype, shape, values] }. */
async function contents(path: string) {
  const file = await openTorchTensors(path);
  try {
    const all = await file.readAll();
    return Object.fromEntries(
      [...all].map(([name, { dtype, shape, data }]) => [
        name,
        [dtype, shape, Array.from<number | bigint>(data)],
      ]),
    );
  } finally {
    await file.close();
  }
}

describe('checkpoints', () => {
  it('have their tensors under state_dict, beside much that is neither made nor kept', async () => {
    const file = await openTorchTensors(join(FIXTURES, 'lightning.ckpt'));
    expect(file.metadata).toEqual({
      epoch: '3',
      global_step: '875000',
      'pytorch-lightning_version': '1.4.2',
    });
    expect([...file.tensors].map(([name, { dtype, shape }]) => [name, dtype, shape])).toEqual([
      ['model.weight', 'float32', [2, 3]],
      ['betas', 'float64', [2]],
    ]);
    expect(await file.read('betas')).toEqual(tensorOf('float64', [2], Float64Array.of(0.25, 0.5)));
    const shared = new Float32Array(new SharedArrayBuffer(24));
    expect((await file.read('model.weight', shared)).data).toEqual(Float32Array.of(0, 1, 2, 3, 4, 5));
    expect([...shared]).toEqual([0, 1, 2, 3, 4, 5]);
    await expect(file.read('absent')).rejects.toThrow(/expected a tensor "absent" in .*lightning\.ckpt/);
    await file.close();
  });

  it('have tensors that share storages, lie on part of one or step through it', async () => {
    const whole = Array.from({ length: 24 }, (_, i) => i);
    const rows = [0, 1, 2, 3].map((row) => whole.slice(6 * row, 6 * row + 6));
    expect(await contents(join(FIXTURES, 'views.pt'))).toEqual({
      whole: ['float32', [24], whole],
      part: ['float32', [6], [4, 5, 6, 7, 8, 9]],
      transposed: ['float32', [6, 4], [0, 1, 2, 3, 4, 5].flatMap((column) => rows.map((row) => row[column]))],
      'every-other': ['float32', [2, 2, 2], [4, 6, 8, 10, 16, 18, 20, 22]],
      one: ['float32', [], [7]],
      none: ['float32', [0, 5], []],
      parameter: ['float32', [2], [1, 1]],
    });
  });

  it('have numbers of every type', async () => {
    const found = await contents(join(FIXTURES, 'dtypes.pt'));
    expect(Object.keys(found)).toEqual(Object.keys(BYTES_PER_ELEMENT));
    for (const [name, [dtype, , values]] of Object.entries(found)) {
      expect(dtype).toBe(name);
      const expected: Record<string, unknown> = {
        float16: [0, 0x3c00, 0x4200],
        bfloat16: [0, 0x3f80, 0x4040],
        int64: [0n, 1n, 3n],
        bool: [0, 1, 1],
      };
      expect(values).toEqual(expected[name] ?? [0, 1, 3]);
    }
  });

  it.each([
    ['callback-among-tensors.ckpt', /an object of pytorch_lightning\S*ModelCheckpoint among its tensors/],
    [
      'stranger.pt',
      /it names "some_package.Stranger", which is none of what weights need and could run code/,
    ],
    ['complex.pt', /it names "torch.ComplexFloatStorage"/],
    ['expanded.pt', /a tensor of size \[1000\] is larger than its storage "0" of 1 elements/],
    ['plain.pt', /holds no tensors by name/],
    ['program.pt', /it is a TorchScript program/],
    ['make.py', /it is no zip archive, which torch.save writes/],
    ['absent.pt', /does not exist/],
    ['.', /it is a folder/],
  ])('are refused with a sentence: %s', async (name, message) => {
    const refused = openTorchTensors(join(FIXTURES, name));
    await expect(refused).rejects.toThrow(message);
    await expect(refused).rejects.toBeInstanceOf(InputError);
  });
});

describe('values', () => {
  it('are plain', async () => {
    expect(await readTorchValue(join(FIXTURES, 'plain.pt'))).toEqual(
      new Map<string, unknown>([
        ['numbers', [0, -1, 300, -70000, 2 ** 40, -(2 ** 40), 2n ** 70n, 1.5]],
        ['pair', [null, true, 'é\n']],
        ['shape', [2, 3]],
      ]),
    );
    await expect(readTorchValue(join(FIXTURES, 'lightning.ckpt'))).rejects.toThrow(
      /holds a dict whose keys are not all texts and numbers|holds an object of/,
    );
  });

  it('may nest as deep as they like, and lie in themselves', async () => {
    const path = join(await temporaryFolder(), 'deep.pt');
    const depth = 30_000;
    await writeArchive(path, bytes(0x80, 2, ']'.repeat(depth), 'a'.repeat(depth - 1), '.'));
    let value = await readTorchValue(path);
    for (let i = 1; i < depth; i++) value = (value as never[])[0]!;
    expect(value).toEqual([]);
    await writeArchive(path, bytes(0x80, 2, ']q', 0, 'h', 0, 'a.'));
    const own = (await readTorchValue(path)) as unknown[];
    expect(own[0]).toBe(own);
  });

  it('do not make small files large', async () => {
    const path = join(await temporaryFolder(), 'shared.pt');
    const views = Array.from({ length: 20 }, () => view('0', 4, [4], [1])).flat();
    const pickle = bytes(0x80, 2, ']q', 0, '(', ...views, 'e.');
    await writeArchive(path, pickle, { 0: new Uint8Array(16) });
    expect(await readTorchValue(path)).toHaveLength(20);
    const many = Array.from({ length: 2000 }, () => view('0', 4, [4], [1])).flat();
    await writeArchive(path, bytes(0x80, 2, '](', ...many, 'e.'), { 0: new Uint8Array(16) });
    expect(await readTorchValue(path)).toHaveLength(2000);
    const large = new Uint8Array(40_000);
    const few = Array.from({ length: 40 }, () => view('0', 10_000, [10_000], [1])).flat();
    await writeArchive(path, bytes(0x80, 2, '](', ...few, 'e.'), { 0: large });
    await expect(readTorchValue(path)).rejects.toThrow(/tensors that are together larger than the file/);
  });

  it('keep what other languages have names for: __proto__ is a key like others', async () => {
    const path = join(await temporaryFolder(), 'proto.pt');
    await writeTorch(path, new Map([['__proto__', new Map([['polluted', true]])]]));
    expect(await readTorchValue(path)).toEqual(new Map([['__proto__', new Map([['polluted', true]])]]));
    await writeTorch(
      path,
      new Map<string, string | Tensor>([
        ['__proto__', 'x'],
        ['w', scalar(1)],
      ]),
    );
    const file = await openTorchTensors(path);
    expect(Object.entries(file.metadata)).toEqual([['__proto__', 'x']]);
    expect(({} as Record<string, unknown>).polluted).toBeUndefined();
    await file.close();
  });
});

describe('a pickle', () => {
  const read = (...parts: (string | number)[]) => unpickle(bytes(0x80, 2, ...parts), TORCH_CONTEXT);

  it.each<[string, (string | number)[], RegExp]>([
    ['of another protocol', ['.'], /protocol/],
    ['without an end', ['N'], /cut short/],
    ['that ends too early', ['NN.'], /before its value is complete/],
    ['with an open mark', ['(N.'], /empty stack|complete/],
    ['of nothing', ['.'], /empty stack/],
    ['that recalls what it never stored', ['h', 5, '.'], /never stored/],
    ['that appends to no list', ['NNa.'], /appends to what is no list/],
    ['that sets items of no dict', ['](NNu.'], /sets items of what is no dict/],
    ['that sets half an item', ['}(Nu.'], /sets items of what is no dict/],
    ['that sets an item twice', ['}(K', 1, 'NK', 1, 'Nu.'], /twice/],
    ['that calls no function', ['N)R.'], /calls what is no function/],
    ['that calls with no arguments', ['ccollections\nOrderedDict\nNR.'], /calls what is no function/],
    ['that closes no mark', ['t.'], /lacks a mark/],
    ['that names a call', ['cposix\nsystem\n(X', 2, 0, 0, 0, 'ls', 't', 'R.'], /names "posix\.system"/],
    ['that names with escapes', ['c\u001b[2J\nx\n.'], /names "\\u001b\[2J\.x"/],
    ['with text that is none', ['X', 1, 0, 0, 0, 0xff, '.'], /not UTF-8/],
    ['with text longer than itself', ['X', 255, 255, 255, 255, '.'], /cut short/],
    ['of other opcodes', ['I1\n.'], /opcode 0x49/],
    ['that makes a storage', ['ctorch\nFloatStorage\n)R.'], /makes a storage/],
    ['that refers to no storage', ['NQ.'], /refers to a storage in a way/],
    ['that fills an ordered dict', ['ccollections\nOrderedDict\n]', 0x85, 'R.'], /fills a dict/],
    ['that sets attributes of a list', [']}b.'], /sets attributes/],
    ['with a negative size', [...view('0', 4, [-4], [1]), '.'], /impossible/],
    ['with a size of 2⁴⁰', [...view('0', 4, [2 ** 40], [1]), '.'], /larger than its storage/],
    [
      'with a size that is no number',
      view('0', 4, [2 ** 53 - 1, ...Array(30).fill(2 ** 52), 0], Array(32).fill(1)),
      /larger than its storage/,
    ],
    ['with an offset outside', [...view('0', 4, [1], [1], 4), '.'], /goes past/],
    ['with strides outside', [...view('0', 4, [2, 2], [2, 2]), '.'], /goes past/],
  ])('%s is refused', (name, parts, message) => {
    const pickle = name === 'of another protocol' ? bytes(0x80, 4, '.') : bytes(0x80, 2, ...parts);
    expect(() => unpickle(pickle, TORCH_CONTEXT)).toThrow(message);
    expect(() => unpickle(pickle, TORCH_CONTEXT)).toThrow(InputError);
  });

  it('cannot change a tensor after it was checked', () => {
    const [, place] = read('(](K', 2, 'eq', 0, ...view('0', 4, 'h\0', [1]), 'h', 0, 'K', 9, 'at.') as [
      unknown,
      TensorPlace,
    ];
    expect(place.shape).toEqual([2]);
  });

  it('that is damaged anywhere ends in a sentence or a value', async () => {
    const whole = new Uint8Array(await pickleOfFixture('lightning.ckpt'));
    fc.assert(
      fc.property(fc.nat(whole.length - 1), fc.nat(255), fc.nat(whole.length), (at, byte, end) => {
        const damaged = whole.slice(0, Math.max(at + 1, end));
        damaged[at] = byte;
        try {
          unpickle(damaged, TORCH_CONTEXT);
        } catch (error) {
          expect(error).toBeInstanceOf(InputError);
        }
      }),
      { numRuns: 2000 },
    );
  });
});

describe('an archive', () => {
  it('that is damaged anywhere ends in a sentence or the same tensors', async () => {
    const whole = await readFile(join(FIXTURES, 'views.pt'));
    const expected = await contents(join(FIXTURES, 'views.pt'));
    const path = join(await temporaryFolder(), 'damaged.pt');
    await fc.assert(
      fc.asyncProperty(
        fc.nat(whole.length - 1),
        fc.integer({ min: 1, max: 255 }),
        fc.boolean(),
        async (at, bits, cut) => {
          const damaged = Buffer.from(whole.subarray(0, cut ? at : whole.length));
          if (!cut) damaged[at]! ^= bits;
          await writeFile(path, damaged);
          try {
            expect(await contents(path)).toEqual(expected);
          } catch (error) {
            expect(error).toBeInstanceOf(InputError);
          }
        },
      ),
      { numRuns: 300 },
    );
  });

  it.each<[string, string[], RegExp]>([
    ['two entries of one name', ['a/data.pkl', 'a/version', 'a/version'], /two entries named "a\/version"/],
    ['a name that leads out', ['a/data.pkl', '../PWNED'], /invalid relative path/],
    ['a name with a backslash', ['a/data.pkl', 'a\\b'], /invalid characters/],
    ['two pickles', ['a/data.pkl', 'b/data.pkl'], /2 entries named data\.pkl/],
    ['no pickle', ['a/version'], /0 entries named data\.pkl/],
    ['big-endian numbers', ['a/data.pkl', 'a/byteorder'], /not little-endian/],
  ])('with %s is refused', async (_, names, message) => {
    const path = join(await temporaryFolder(), 'a.pt');
    const content = (name: string) => (name.endsWith('.pkl') ? bytes(0x80, 2, 'N.') : Buffer.from('big'));
    await writeFileAtomic(path, zipChunks(names.map((name) => [name, () => content(name)] as const)));
    await expect(readTorchValue(path)).rejects.toThrow(message);
    await expect(readTorchValue(path)).rejects.toBeInstanceOf(InputError);
  });

  it.each([
    ['the list of entries', 'PK\x06\x06', 48],
    ['the record of the end', 'PK\x06\x07', 8],
  ])('with a place beyond 2⁵³ for %s is refused', async (_, signature, at) => {
    const path = join(await temporaryFolder(), 'a.pt');
    await writeArchive(path, bytes(0x80, 2, 'N.'));
    const zip = await readFile(path);
    zip.writeBigUInt64LE(2n ** 62n, zip.indexOf(signature, 0, 'latin1') + at);
    await writeFile(path, zip);
    await expect(readTorchValue(path)).rejects.toThrow(/points past the end of the file/);
  });

  it('of compressed entries is refused', async () => {
    const path = join(await temporaryFolder(), 'a.pt');
    await writeArchive(path, bytes(0x80, 2, 'N.'));
    const zip = await readFile(path);
    for (const [signature, at] of [
      ['PK\x03\x04', 8],
      ['PK\x01\x02', 10],
    ] as const)
      zip[zip.indexOf(signature, 0, 'latin1') + at] = 8;
    await writeFile(path, zip);
    await expect(readTorchValue(path)).rejects.toThrow(/"a\/data.pkl" is compressed or encrypted/);
  });

  it.each([
    ['', /it is empty/],
    ['version https://git-lfs.github.com/spec/v1\n', /Git LFS pointer/],
    ['<!DOCTYPE html>', /web page/],
    ['GGUF', /GGUF/],
    ['\x80\x02\x8a\x0al\xfc', /before PyTorch 1\.6/],
    ['\x08\0\0\0\0\0\0\0{"a":1}', /it is a safetensors file/],
  ])('that is none is refused by what it is: %j', async (start, message) => {
    const path = join(await temporaryFolder(), 'a.pt');
    await writeFile(path, Buffer.from(start, 'latin1'));
    await expect(openTorchTensors(path)).rejects.toThrow(message);
  });
});

describe('a written file', () => {
  const anyTensor = fc
    .tuple(
      fc.constantFrom(...(Object.keys(BYTES_PER_ELEMENT) as DType[])),
      fc.array(fc.nat(4), { maxLength: 3 }),
      fc.nat(255),
    )
    .map(([dtype, shape, start]) => fromBytes(dtype, shape, start));
  const anyValue = fc.letrec((tie) => ({
    value: fc.oneof(
      { maxDepth: 3 },
      fc.constantFrom(
        null,
        true,
        false,
        -0,
        0,
        2 ** 31,
        -(2 ** 31) - 1,
        Number.MAX_SAFE_INTEGER,
        Number.NaN,
        1e300,
      ),
      fc.integer(),
      fc.double(),
      fc.string({ unit: 'binary' }),
      anyTensor,
      fc.array(tie('value'), { maxLength: 3 }),
      fc
        .array(fc.tuple(fc.oneof(fc.string(), fc.integer()), tie('value')), { maxLength: 3 })
        .map((entries) => new Map(entries)),
    ),
  })).value;

  it('reads as what was written', async () => {
    const path = join(await temporaryFolder(), 'a.pt');
    await fc.assert(
      fc.asyncProperty(anyValue, async (value) => {
        await writeTorch(path, value as never);
        expect(await readTorchValue(path)).toEqual(value);
      }),
      { numRuns: 100 },
    );
  });

  it('has its tensors where torch has them, on multiples of 64', async () => {
    const path = join(await temporaryFolder(), 'a.pt');
    const tensors = Array.from({ length: 12 }, (_, i) => [`w${i}`, fromBytes('float16', [i, 3], i)] as const);
    await writeTorch(path, new Map(tensors));
    const file = await openTorchTensors(path);
    for (const { offset } of file.tensors.values()) expect(offset % 64).toBe(0);
    await file.close();
  });

  it('asks for tensors one by one, and leaves the old file where one of them fails', async () => {
    const path = join(await temporaryFolder(), 'a.pt');
    await writeFile(path, 'old');
    const lazy = (load: () => Tensor) => ({ dtype: 'float32' as const, shape: [1], load });
    const failing = lazy(() => {
      throw new Error('no more');
    });
    await expect(writeTorch(path, [lazy(() => tensor([1], Float32Array.of(1))), failing])).rejects.toThrow(
      'no more',
    );
    await expect(writeTorch(path, [lazy(() => tensor([2], Float32Array.of(1, 2)))])).rejects.toThrow(
      /announced as float32 \[1\]/,
    );
    expect(await readFile(path, 'utf8')).toBe('old');
    expect(await readdir(join(path, '..'))).toEqual(['a.pt']);
  });
});

it('checksums are those of zip', () => {
  expect(crc32Portable(Buffer.from('123456789'))).toBe(0xcbf43926);
  fc.assert(
    fc.property(fc.uint8Array(), fc.uint8Array(), (a, b) => {
      expect(crc32Portable(b, crc32Portable(a))).toBe(crc32(Buffer.concat([a, b])));
    }),
  );
});

it('names are shown so that they cannot steer a terminal', () => {
  expect(quoted('a"\n\u009b\u202e')).toBe('"a\\"\\n\\u009b\\u202e"');
  expect(quoted('x'.repeat(200))).toBe(`"${'x'.repeat(100)}…"`);
});

/** Bytes from texts (latin1) and numbers. */
function bytes(...parts: (string | number)[]): Uint8Array {
  return Buffer.concat(
    parts.map((part) => (typeof part === 'number' ? Uint8Array.of(part) : Buffer.from(part, 'latin1'))),
  );
}

/** Opcodes of a whole number of eight bytes. */
function long(value: number): string {
  const out = Buffer.alloc(8);
  out.writeBigInt64LE(BigInt(value));
  return `\x8a\x08${out.toString('latin1')}`;
}

const tuple = (values: readonly number[]): string => `(${values.map(long).join('')}t`;
const text = (value: string): string => `X${String.fromCharCode(value.length)}\0\0\0${value}`;

/** Opcodes of a float32 tensor on a storage. */
function view(
  key: string,
  length: number,
  shape: readonly number[] | string,
  strides: readonly number[],
  offset = 0,
): string[] {
  const storage = `(${text('storage')}ctorch\nFloatStorage\n${text(key)}${text('cpu')}${long(length)}tQ`;
  const size = typeof shape === 'string' ? shape : tuple(shape);
  return [`ctorch._utils\n_rebuild_tensor_v2\n(${storage}${long(offset)}${size}${tuple(strides)}\x89}tR`];
}

/** An archive as torch has them, around a pickle. */
async function writeArchive(
  path: string,
  pickle: Uint8Array,
  storages: Readonly<Record<string, Uint8Array>> = {},
): Promise<void> {
  const entries = Object.entries(storages).map(([key, content]) => [`a/data/${key}`, () => content] as const);
  await writeFileAtomic(path, zipChunks([['a/data.pkl', () => pickle], ...entries]));
}

/** The pickle of a fixture, which torch stores first. */
async function pickleOfFixture(name: string): Promise<Uint8Array> {
  const zip = await readFile(join(FIXTURES, name));
  const start = 30 + zip.readUInt16LE(26) + zip.readUInt16LE(28);
  return zip.subarray(start, zip.indexOf('PK\x07\x08', start, 'latin1'));
}

const scalar = (value: number): Tensor => tensor([], Float32Array.of(value));

/** A tensor of counted bytes. */
function fromBytes(dtype: DType, shape: number[], start: number): Tensor {
  const data = new Uint8Array(sizeOf(shape) * BYTES_PER_ELEMENT[dtype]).map((_, i) => start + i);
  const arrays = { 1: Uint8Array, 2: Uint16Array, 4: Uint32Array, 8: BigUint64Array };
  const typed = {
    float32: Float32Array,
    float64: Float64Array,
    int64: BigInt64Array,
    int32: Int32Array,
    int16: Int16Array,
    int8: Int8Array,
  };
  const Kind = typed[dtype as keyof typeof typed] ?? arrays[BYTES_PER_ELEMENT[dtype] as 1];
  return { dtype, shape, data: new Kind(data.buffer) } as Tensor;
}
