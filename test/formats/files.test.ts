/** Atomic writes, JSON and hashes: what they leave behind when they succeed and when they fail. */
import { mkdir, mkdtemp, open, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { z } from 'zod';
import { InputError } from '../../src/errors.js';
import { ensureFolder, exists, readJson, sha256OfFile, writeFileAtomic } from '../../src/formats/files.js';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sara-files-'));
});
afterEach(async () => {
  vi.restoreAllMocks();
  await rm(folder, { recursive: true });
});

/** Makes the next call of one method of every open file fail as the operating system would. */
async function failOnce(method: 'write' | 'sync', code: string): Promise<void> {
  const handle = await open(join(folder, 'probe'), 'w');
  const prototype = Object.getPrototypeOf(handle) as typeof handle;
  await handle.close();
  await rm(join(folder, 'probe'));
  const error = Object.assign(new Error(`${code}: refused, ${method}`), { code, syscall: method });
  vi.spyOn(prototype, method).mockRejectedValueOnce(error);
}

describe('writeFileAtomic', () => {
  test.each<[string, Parameters<typeof writeFileAtomic>[1]]>([
    ['a string', 'héllo'],
    ['bytes', Buffer.from('héllo')],
    ['pieces', [Buffer.from('hé'), new Uint8Array(0), Buffer.from('llo')]],
  ])('writes %s', async (_, data) => {
    const path = join(folder, 'new', 'folder', 'a.txt');
    await writeFileAtomic(path, data);
    expect(await readFile(path, 'utf8')).toBe('héllo');
  });

  test('replaces a file and leaves nothing else in the folder', async () => {
    const path = join(folder, 'a.txt');
    await writeFileAtomic(path, 'old and longer');
    await writeFileAtomic(path, 'new');
    expect(await readFile(path, 'utf8')).toBe('new');
    expect(await readdir(folder)).toEqual(['a.txt']);
  });

  test.each([
    ['write', 'ENOSPC', /cannot write .*a\.txt: no space is left/],
    ['write', 'EDQUOT', /quota/],
    ['sync', 'EIO', /device reports an error/],
    ['write', 'EWEIRD', /the system reports EWEIRD/],
  ] as const)('keeps the old file when %s fails with %s', async (method, code, message) => {
    const path = join(folder, 'a.txt');
    await writeFile(path, 'old');
    await failOnce(method, code);
    const failure = writeFileAtomic(path, 'new');
    await expect(failure).rejects.toThrow(InputError);
    await expect(failure).rejects.toThrow(message);
    expect(await readFile(path, 'utf8')).toBe('old');
    expect(await readdir(folder)).toEqual(['a.txt']);
  });

  test('keeps the old file and the error when the data source fails', async () => {
    const path = join(folder, 'a.txt');
    await writeFile(path, 'old');
    const failing = function* () {
      yield Buffer.from('half of it');
      throw new TypeError('a bug');
    };
    await expect(writeFileAtomic(path, failing())).rejects.toThrow(new TypeError('a bug'));
    expect(await readFile(path, 'utf8')).toBe('old');
    expect(await readdir(folder)).toEqual(['a.txt']);
  });

  test('says what is in the way', async () => {
    await mkdir(join(folder, 'taken'));
    await expect(writeFileAtomic(join(folder, 'taken'), 'x')).rejects.toThrow(
      /cannot write .*taken: .*folder/,
    );
    await writeFile(join(folder, 'file'), '');
    await expect(writeFileAtomic(join(folder, 'file', 'x'), 'x')).rejects.toThrow(InputError);
    expect(await readdir(folder)).toEqual(['file', 'taken']);
  });
});

describe('ensureFolder', () => {
  test('makes nested folders, twice', async () => {
    await ensureFolder(join(folder, 'a', 'b'));
    await ensureFolder(join(folder, 'a', 'b'));
    expect(await exists(join(folder, 'a', 'b'))).toBe(true);
  });

  test('refuses where a file is in the way', async () => {
    await writeFile(join(folder, 'file'), '');
    await expect(ensureFolder(join(folder, 'file'))).rejects.toThrow(/cannot create .*file: .*in the way/);
  });
});

describe('readJson', () => {
  const read = async (text: string, schema: z.ZodType = z.unknown()) => {
    await writeFile(join(folder, 'a.json'), text);
    return readJson(join(folder, 'a.json'), schema);
  };

  test('gives the value, also after a byte order mark', async () => {
    expect(await read('\uFEFF{"a": [1, null]}')).toEqual({ a: [1, null] });
  });

  test('names a missing file', async () => {
    await expect(readJson(join(folder, 'none.json'))).rejects.toThrow(
      /cannot read .*none\.json: it does not exist/,
    );
    await expect(readJson(folder)).rejects.toThrow(/it is a folder/);
  });

  test('names a file that is not JSON', async () => {
    await expect(read('{"a": ')).rejects.toThrow(InputError);
    await expect(read('{"a": ')).rejects.toThrow(/expected JSON in .*a\.json, but /);
  });

  test('names the entry that breaks the schema', async () => {
    const schema = z.object({ a: z.object({ b: z.number() }) });
    expect(await read('{"a": {"b": 1}}', schema)).toEqual({ a: { b: 1 } });
    await expect(read('{"a": {"b": "1"}}', schema)).rejects.toThrow(/cannot use "a\.b" in .*a\.json: /);
    await expect(read('[]', schema)).rejects.toThrow(/cannot use \S*a\.json: /);
  });
});

test('sha256OfFile gives the digest of the bytes', async () => {
  await writeFile(join(folder, 'abc'), 'abc');
  expect(await sha256OfFile(join(folder, 'abc'))).toBe(
    'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad',
  );
  await expect(sha256OfFile(join(folder, 'none'))).rejects.toThrow(/cannot read .*none: it does not exist/);
});
