/** safetensors: round trips, the reference library's bytes, and files that lie. */
import { mkdtemp, readdir, readFile, rm, stat, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { InputError } from '../../src/errors.js';
import {
  openSafetensors,
  readSafetensors,
  type Tensors,
  writeSafetensors,
} from '../../src/formats/safetensors.js';
import { duplicateKey } from '../../src/formats/safetensors-header.js';
import { BYTES_PER_ELEMENT, type DType, sizeOf, type Tensor, tensor } from '../../src/tensor/index.js';

let folder: string;
let path: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sara-safetensors-'));
  path = join(folder, 'a.safetensors');
});
afterAll(() => rm(folder, { recursive: true }));

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
const DTYPES = Object.keys(ARRAYS) as DType[];

/** A tensor whose bytes are the given ones, over and over. */
function fromBytes(dtype: DType, shape: number[], pattern: Uint8Array): Tensor {
  const bytes = new Uint8Array(sizeOf(shape) * BYTES_PER_ELEMENT[dtype]).map(
    (_, i) => pattern[i % pattern.length]!,
  );
  return { dtype, shape, data: new ARRAYS[dtype](bytes.buffer) } as Tensor;
}

const bytesOf = ({ data }: Tensor) => Buffer.from(data.buffer, data.byteOffset, data.byteLength);

const anyTensor = fc
  .tuple(
    fc.constantFrom(...DTYPES),
    fc.array(fc.nat(5), { maxLength: 4 }),
    fc.uint8Array({ minLength: 1, maxLength: 40 }),
  )
  .map(([dtype, shape, pattern]) => fromBytes(dtype, shape, pattern));
const anyName = fc.string({ unit: 'binary', maxLength: 12 }).filter((name) => name !== '__metadata__');
const anyTensors = fc
  .array(fc.tuple(anyName, anyTensor), { maxLength: 8 })
  .map((entries) => new Map(entries));
const anyMetadata = fc.dictionary(fc.string(), fc.string(), { maxKeys: 3 });

describe('round trip', () => {
  test('gives back every tensor and the metadata', async () => {
    await fc.assert(
      fc.asyncProperty(anyTensors, anyMetadata, async (tensors, metadata) => {
        await writeSafetensors(path, tensors, metadata);
        const read = await readSafetensors(path);
        expect(Object.entries(read.metadata)).toEqual(Object.entries(metadata));
        expect(read.tensors.size).toBe(tensors.size);
        for (const [name, written] of tensors) {
          const { dtype, shape, data } = read.tensors.get(name)!;
          expect({ dtype, shape, type: data.constructor }).toEqual({
            dtype: written.dtype,
            shape: written.shape,
            type: written.data.constructor,
          });
          expect(bytesOf(read.tensors.get(name)!).equals(bytesOf(written))).toBe(true);
        }
      }),
      { numRuns: 100 },
    );
  });

  test('aligns the data and places each tensor where it says', async () => {
    await fc.assert(
      fc.asyncProperty(anyTensors, async (tensors) => {
        await writeSafetensors(path, tensors);
        const file = await openSafetensors(path);
        const bytes = await readFile(path);
        for (const [name, { dtype, offset, byteLength }] of file.tensors) {
          expect(offset % BYTES_PER_ELEMENT[dtype]).toBe(0);
          expect(bytes.subarray(offset, offset + byteLength).equals(bytesOf(tensors.get(name)!))).toBe(true);
        }
        await file.close();
      }),
      { numRuns: 50 },
    );
  });

  test('accepts every header length, also those that begin like a pickle', async () => {
    for (let length = 1; length < 80; length++) {
      const name = 'x'.repeat(512 + 2 * length);
      await writeSafetensors(path, { [name]: tensor([1], Float32Array.of(length)) });
      const { tensors } = await readSafetensors(path);
      expect(tensors.get(name)!.data[0]).toBe(length);
    }
  });

  test('writes views, records and tensors made on demand', async () => {
    const memory = new Float32Array([0, 1, 2, 3]);
    const tensors: Tensors = {
      view: tensor([2], memory.subarray(1, 3)),
      lazy: { dtype: 'int32', shape: [1], load: async () => fromBytes('int32', [1], Uint8Array.of(1)) },
    };
    await writeSafetensors(path, tensors);
    const read = (await readSafetensors(path)).tensors;
    expect(read.get('view')!.data).toEqual(Float32Array.of(1, 2));
    expect(read.get('lazy')!.data).toEqual(Int32Array.of(0x01010101));
  });
});

test('writes the bytes that the reference library writes', async () => {
  const reference = join(import.meta.dirname, '../fixtures/tokenizer/clip/io.safetensors');
  const { tensors } = await readSafetensors(reference);
  await writeSafetensors(path, new Map([...tensors].reverse()));
  expect((await readFile(path)).equals(await readFile(reference))).toBe(true);
});

test('orders by dtype, then by the bytes of the name', async () => {
  const tensors = new Map(DTYPES.map((dtype) => [dtype as string, fromBytes(dtype, [1], Uint8Array.of(0))]));
  for (const name of ['b', 'a', '\u{1F600}', '\uFF5E']) tensors.set(name, tensor([], Float32Array.of(1)));
  await writeSafetensors(path, tensors, { format: 'pt' });
  const { tensors: read } = await readSafetensors(path);
  expect([...read.keys()]).toEqual([
    ...['int64', 'float64', 'a', 'b', 'float32', '\uFF5E', '\u{1F600}', 'int32'],
    ...['bfloat16', 'float16', 'int16', 'int8', 'uint8', 'bool'],
  ]);
  expect((await readFile(path, 'latin1')).slice(8)).toMatch(/^\{"__metadata__":\{"format":"pt"\},"int64":/);
});

describe('reading', () => {
  test('fills a given view, shared memory included', async () => {
    await writeSafetensors(path, { a: tensor([3], Float32Array.of(1, 2, 3)) });
    const file = await openSafetensors(path);
    const weights = new Float32Array(new SharedArrayBuffer(20), 4, 3);
    const read = await file.read('a', weights);
    expect([...weights]).toEqual([1, 2, 3]);
    expect(read.data.buffer).toBe(weights.buffer);
    await expect(file.read('a', new Float32Array(2))).rejects.toThrow(RangeError);
    await expect(file.read('b')).rejects.toThrow(/expected a tensor "b" in .*a\.safetensors/);
    await file.close();
  });

  test('reaches beyond 4 GiB', async () => {
    const length = 4 * 2 ** 30 + 16;
    const json = Buffer.from(
      JSON.stringify({
        big: { dtype: 'U8', shape: [length], data_offsets: [0, length] },
        last: { dtype: 'F32', shape: [2], data_offsets: [length, length + 8] },
      }),
    );
    const start = Buffer.alloc(8);
    start.writeBigUInt64LE(BigInt(json.length));
    const big = join(folder, 'big.safetensors');
    await writeFile(big, Buffer.concat([start, json]));
    await truncate(big, 8 + json.length + length + 8);
    const file = await openSafetensors(big);
    expect(file.tensors.get('last')!.offset).toBe(8 + json.length + length);
    expect((await file.read('last')).data).toEqual(Float32Array.of(0, 0));
    await file.close();
    await rm(big);
  });

  test('notices that the file was cut short after it was opened', async () => {
    await writeSafetensors(path, { a: tensor([3], Float32Array.of(1, 2, 3)) });
    const file = await openSafetensors(path);
    await truncate(path, (await stat(path)).size - 1);
    await expect(file.read('a')).rejects.toThrow(/was cut short while it was read/);
    await file.close();
  });
});

describe('a hostile file', () => {
  const entry = (shape: unknown, offsets: unknown, dtype: unknown = 'F32') => ({
    dtype,
    shape,
    data_offsets: offsets,
  });
  /** A file with this header and so many bytes of data; `claim` is the header length it states. */
  const file = (header: unknown, dataLength = 0, claim?: bigint) => {
    const json = Buffer.from(typeof header === 'string' ? header : JSON.stringify(header));
    const start = Buffer.alloc(8);
    start.writeBigUInt64LE(claim ?? BigInt(json.length));
    return Buffer.concat([start, json, Buffer.alloc(dataLength)]);
  };
  const pickle = Buffer.from('80028a0a6cfc9c46f920', 'hex');

  test.each<[string, Buffer, RegExp]>([
    ['is empty', Buffer.alloc(0), /it is empty/],
    ['has 7 bytes', Buffer.alloc(7), /cut short/],
    ['has no header', file('', 0), /header is not JSON/],
    ['claims more than it has', file('{}', 0, 1000n), /claims 1000 bytes but the file has 10/],
    ['claims more than is allowed', file('{}', 0, 100_000_001n), /claims 100000001 bytes, more than/],
    ['claims 2^64 - 1 bytes', file('{}', 0, 2n ** 64n - 1n), /claims 18446744073709551615 bytes/],
    ['has broken JSON', file('{"a": '), /header is not JSON/],
    ['has broken UTF-8', file('{}').fill(0xff, 8), /header is not UTF-8/],
    ['has an array for a header', file('[]'), /not a JSON object/],
    ['has null for a header', file('null'), /not a JSON object/],
    ['has a key twice', file('{"a":{}, "b":1, "a" :{}}'), /the key "a" twice/],
    ['has a shape twice', file('{"a":{"shape":[1],"shape":[2]}}'), /the key "shape" twice/],
    ['has metadata that is no text', file({ __metadata__: { a: 1 } }), /"__metadata__" are not all text/],
    ['has metadata that is no object', file({ __metadata__: null }), /"__metadata__" are not all text/],
    ['has a tensor that is no object', file({ a: 1 }), /"a" lacks its dtype, shape or data_offsets/],
    ['has a tensor without a dtype', file({ a: { shape: [], data_offsets: [0, 4] } }, 4), /"a" lacks/],
    [
      'has an unknown dtype',
      file({ a: entry([1], [0, 1], 'F8_E4M3') }, 1),
      /"a" has dtype F8_E4M3.*none of BOOL/,
    ],
    ['has the dtype "constructor"', file({ a: entry([1], [0, 1], 'constructor') }, 1), /none of/],
    ['has a negative side', file({ a: entry([-1], [0, 4]) }, 4), /"a" has the impossible shape \[-1\]/],
    ['has half a side', file({ a: entry([1.5], [0, 6]) }, 6), /impossible shape \[1.5\]/],
    ['has a side too large', file({ a: entry([2 ** 60], [0, 4]) }, 4), /impossible shape/],
    [
      'has a product too large',
      file({ a: entry([2 ** 40, 2 ** 40], [0, 4]) }, 4),
      /needs .* bytes but has 4/,
    ],
    ['has negative offsets', file({ a: entry([1], [-4, 0]) }, 4), /impossible data_offsets \[-4,0\]/],
    ['has reversed offsets', file({ a: entry([1], [4, 0]) }, 4), /impossible data_offsets \[4,0\]/],
    ['has one offset', file({ a: entry([1], [0]) }, 4), /impossible data_offsets \[0\]/],
    ['has text for offsets', file({ a: entry([1], ['0', '4']) }, 4), /impossible data_offsets/],
    [
      'has too few bytes for a shape',
      file({ a: entry([2], [0, 4]) }, 4),
      /shape \[2\] needs 8 bytes but has 4/,
    ],
    [
      'has data after its end',
      file({ a: entry([2], [0, 8]) }, 4),
      /"a" ends 4 bytes after the end of the file/,
    ],
    ['has overlapping tensors', file({ a: entry([2], [0, 8]), b: entry([2], [4, 12]) }, 12), /"b" overlaps/],
    ['has the same bytes twice', file({ a: entry([1], [0, 4]), b: entry([1], [0, 4]) }, 4), /"b" overlaps/],
    ['has a gap', file({ a: entry([1], [0, 4]), b: entry([1], [8, 12]) }, 12), /4 bytes before tensor "b"/],
    ['starts with a gap', file({ a: entry([1], [4, 8]) }, 8), /4 bytes before tensor "a"/],
    ['has bytes left over', file({ a: entry([1], [0, 4]) }, 9), /5 bytes at its end belong to no tensor/],
    ['is a Git LFS pointer', Buffer.from('version https://git-lfs.github.com/spec/v1\n'), /git lfs pull/],
    ['is a ZIP pickle', Buffer.from('PK\x03\x04\x00\x00\x08\x08\x00\x00'), /PyTorch pickle/],
    ['is a bare pickle', pickle, /PyTorch pickle/],
    ['is a GGUF file', Buffer.from('GGUF\x03\x00\x00\x00\x01\x00'), /GGUF/],
    ['is a web page', Buffer.from('<!doctype html><html>'), /web page/],
  ])('that %s is refused in one sentence', async (_, bytes, message) => {
    await writeFile(path, bytes);
    const failure = openSafetensors(path);
    await expect(failure).rejects.toThrow(InputError);
    await expect(failure).rejects.toThrow(message);
    await expect(failure).rejects.toThrow(/^cannot read .*a\.safetensors as safetensors: [^\n]*$/);
  });

  test('that is missing, a folder or a device is refused', async () => {
    await expect(openSafetensors(join(folder, 'none'))).rejects.toThrow(
      /cannot read .*none: it does not exist/,
    );
    await expect(openSafetensors(folder)).rejects.toThrow(/it is a folder, so name a file/);
    await expect(openSafetensors('/dev/null')).rejects.toThrow(/not a regular file/);
  });

  test('never does anything but be read or be refused', async () => {
    await writeSafetensors(path, {
      a: tensor([2], Float32Array.of(1, 2)),
      b: tensor([], Float32Array.of(3)),
    });
    const good = await readFile(path);
    await fc.assert(
      fc.asyncProperty(
        fc.nat(good.length - 1),
        fc.nat(255),
        fc.nat(good.length),
        async (at, byte, length) => {
          const bytes = Buffer.from(good);
          bytes[at] = byte;
          await writeFile(path, bytes.subarray(0, length));
          await readSafetensors(path).catch((error) => expect(error).toBeInstanceOf(InputError));
        },
      ),
      { numRuns: 300 },
    );
  });

  test('can have empty tensors anywhere', async () => {
    await writeFile(
      path,
      file({ a: entry([0], [4, 4]), b: entry([1], [0, 4]), c: entry([3, 0], [0, 0]) }, 4),
    );
    expect([...(await readSafetensors(path)).tensors.keys()]).toEqual(['c', 'b', 'a']);
  });
});

test('duplicateKey tells keys from values, nesting and escapes', () => {
  expect(duplicateKey('{"a":"a","b":{"a":["b","b"]},"c":[{"a":1},{"a":1}]}')).toBeUndefined();
  expect(duplicateKey(String.raw`{"a\"":1,"a\\":2,"a":3}`)).toBeUndefined();
  expect(duplicateKey(String.raw`{"a":1,"\u0061":2}`)).toBe('a');
  expect(duplicateKey('{"x":{"b" : 1,"b"\n: 2}}')).toBe('b');
  fc.assert(
    fc.property(fc.json(), (json) => {
      expect(duplicateKey(JSON.stringify(JSON.parse(json)))).toBeUndefined();
    }),
  );
});

describe('writing', () => {
  test('refuses the reserved name and data that does not fit, and leaves no file', async () => {
    const target = join(folder, 'new', 'b.safetensors');
    const wrong: Tensor = { dtype: 'float32', shape: [2], data: Float32Array.of(1) };
    await expect(writeSafetensors(target, { __metadata__: wrong })).rejects.toThrow(InputError);
    await expect(writeSafetensors(target, { wrong })).rejects.toThrow(RangeError);
    expect(await readdir(join(folder, 'new'))).toEqual([]);
  });

  test('can replace the file it reads from', async () => {
    await writeSafetensors(path, { a: tensor([2], Float32Array.of(1, 2)) });
    const file = await openSafetensors(path);
    const doubled = async () => {
      const { data } = await file.read('a');
      return tensor(
        [2],
        Float32Array.from(data as Float32Array, (x) => 2 * x),
      );
    };
    await writeSafetensors(path, { a: { dtype: 'float32', shape: [2], load: doubled } });
    await file.close();
    expect((await readSafetensors(path)).tensors.get('a')!.data).toEqual(Float32Array.of(2, 4));
  });
});
