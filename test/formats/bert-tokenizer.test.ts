/** BERT's tokenizer against what transformers' BertTokenizer gives for the same vocabulary; made by make.py beside the fixture. */
import { mkdtemp, readFile, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { InputError } from '../../src/errors.js';
import { BertTokenizer } from '../../src/formats/index.js';

const FOLDER = 'test/fixtures/tokenizer/bert';
const texts: { text: string; ids: number[]; decoded: string }[] = JSON.parse(
  await readFile(`${FOLDER}/ids.json`, 'utf8'),
);
const tokenizer = await BertTokenizer.load(FOLDER);

describe('as transformers has it', () => {
  it.each(texts)('$text', ({ text, ids, decoded }) => {
    expect(tokenizer.encode(text)).toEqual(ids);
    expect(tokenizer.decode(ids)).toBe(decoded);
  });
});

it('cuts to a length in all and keeps the end', () => {
  const { ids } = texts.find(({ text }) => text === 'a red apple')!;
  expect(tokenizer.encode('a red apple', 4)).toEqual([...ids.slice(0, 3), ids.at(-1)]);
});

it('reads tokenizer.json where there is no vocab.txt', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'bert-'));
  const lines = (await readFile(`${FOLDER}/vocab.txt`, 'utf8')).trimEnd().split('\n');
  const vocab = Object.fromEntries(lines.map((piece, id) => [piece, id]));
  await writeFile(join(folder, 'tokenizer.json'), JSON.stringify({ model: { type: 'WordPiece', vocab } }));
  expect((await BertTokenizer.load(folder)).encode('a red apple')).toEqual(tokenizer.encode('a red apple'));
});

it('refuses folders and vocabularies that are not of BERT', async () => {
  await expect(BertTokenizer.load('test/fixtures/vae/sd15')).rejects.toThrow(
    /expected vocab.txt or tokenizer.json/,
  );
  expect(() => new BertTokenizer(new Map([['a', 0]]))).toThrow(InputError);
  expect(() => tokenizer.idOf('zzz')).toThrow(/expected "zzz" in the vocabulary/);
});
