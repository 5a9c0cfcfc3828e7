/** CLIP's tokenizer against transformers' ids, and the many ways in which a folder can describe one. */
import { copyFile, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { InputError } from '../../src/errors.js';
import { ClipTokenizer } from '../../src/formats/clip-tokenizer.js';
import { readSafetensors } from '../../src/formats/safetensors.js';

const fixtures = join(import.meta.dirname, '../fixtures/tokenizer');
const golden = join(fixtures, 'clip');
const tiny = join(fixtures, 'tiny');

let scratch: string;
beforeAll(async () => {
  scratch = await mkdtemp(join(tmpdir(), 'sara-tokenizer-'));
});
afterAll(() => rm(scratch, { recursive: true }));

let folders = 0;
/** A folder with copies of files, or with values as JSON files. */
async function folderOf(files: Record<string, string | object>): Promise<string> {
  const folder = join(scratch, `${folders++}`);
  await mkdir(folder);
  for (const [name, content] of Object.entries(files)) {
    if (typeof content === 'string') await copyFile(content, join(folder, name));
    else await writeFile(join(folder, name), JSON.stringify(content));
  }
  return folder;
}
const symbolsOf = (folder: string) => ({
  'vocab.json': join(folder, 'vocab.json'),
  'merges.txt': join(folder, 'merges.txt'),
});
const loadTiny = async (files: Record<string, string | object>) =>
  ClipTokenizer.load(await folderOf({ ...symbolsOf(tiny), ...files }));
const json = async (path: string) => JSON.parse(await readFile(path, 'utf8'));

describe("the real vocabulary gives transformers' ids", async () => {
  const prompts: string[] = await json(join(golden, 'prompts.json'));
  const { tensors } = await readSafetensors(join(golden, 'io.safetensors'));
  const rows = (name: string) => {
    const { shape, data } = tensors.get(name)!;
    const width = shape[1]!;
    return prompts.map((_, i) => Array.from(data.slice(i * width, (i + 1) * width), Number));
  };
  const byPrompt = (encode: (text: string) => number[]) =>
    prompts.map((prompt) => ({ prompt, ids: encode(prompt) }));
  const expected = (ids: number[][]) => prompts.map((prompt, i) => ({ prompt, ids: ids[i] }));

  test('padded with <|endoftext|> as in SD 1.5', async () => {
    const tokenizer = await ClipTokenizer.load(golden);
    expect(byPrompt((text) => tokenizer.encode(text))).toEqual(expected(rows('out.input_ids_sd15')));
    const { vocabSize, bosTokenId, eosTokenId, padTokenId, modelMaxLength } = tokenizer;
    expect([vocabSize, bosTokenId, eosTokenId, padTokenId, modelMaxLength]).toEqual([
      49408, 49406, 49407, 49407, 77,
    ]);
  });

  test('padded with ! as in SD 2', async () => {
    const settings = ['tokenizer_config.json', 'special_tokens_map.json'];
    const files = Object.fromEntries(settings.map((name) => [name, join(golden, 'sd2', name)]));
    const tokenizer = await ClipTokenizer.load(await folderOf({ ...symbolsOf(golden), ...files }));
    expect(byPrompt((text) => tokenizer.encode(text))).toEqual(expected(rows('out.input_ids_sd2')));
    expect(tokenizer.padTokenId).toBe(0);
  });

  test('untruncated', async () => {
    const tokenizer = await ClipTokenizer.load(golden);
    const whole = Array.from(tensors.get('out.whole_ids')!.data, Number);
    const offsets = Array.from(tensors.get('out.whole_offsets')!.data, Number);
    const slices = prompts.map((_, i) => whole.slice(offsets[i], offsets[i + 1]));
    expect(byPrompt((text) => tokenizer.encodeUntruncated(text))).toEqual(expected(slices));
  });

  test('from tokenizer.json alone, in both ways of writing merges', async () => {
    const lines = (await readFile(join(golden, 'merges.txt'), 'utf8')).trim().split('\n').slice(1);
    const token = { lstrip: false, rstrip: false, single_word: false, special: true };
    const added_tokens = [
      { ...token, id: 49406, content: '<|startoftext|>', normalized: true },
      { ...token, id: 49407, content: '<|endoftext|>', normalized: false },
    ];
    const vocab = await json(join(golden, 'vocab.json'));
    for (const merges of [lines, lines.map((line) => line.split(' '))]) {
      const model = { type: 'BPE', end_of_word_suffix: '</w>', vocab, merges };
      const folder = await folderOf({ 'tokenizer.json': { version: '1.0', added_tokens, model } });
      const tokenizer = await ClipTokenizer.load(folder);
      expect(byPrompt((text) => tokenizer.encode(text))).toEqual(expected(rows('out.input_ids_sd15')));
    }
  });
});

describe('a tiny vocabulary', () => {
  test('gives the ids of pipeline/sd2-v', async () => {
    const tokenizer = await ClipTokenizer.load(tiny);
    const prompt = [662, 320, 552, 515, 320, 529, 323, 542, 343, 267, 82, 78, 69, 339, 579, 663];
    const negative = [662, 652, 267, 580, 80, 84, 624, 663];
    const padded = (ids: number[]) => [...ids, ...new Array(77 - ids.length).fill(0)];
    expect(tokenizer.encode('a photo of a red fox, soft light')).toEqual(padded(prompt));
    expect(tokenizer.encode('blurry, low quality')).toEqual(padded(negative));
    expect(tokenizer.vocabSize).toBe(664);
  });

  test('fills exactly its length, whatever the text', async () => {
    const tokenizer = await loadTiny({ 'tokenizer_config.json': { model_max_length: 16 } });
    const anyText = fc.string({ unit: 'binary', maxLength: 40 });
    fc.assert(
      fc.property(anyText, (text) => {
        const ids = tokenizer.encode(text);
        const whole = tokenizer.encodeUntruncated(text);
        expect(ids).toHaveLength(16);
        expect(ids.slice(0, 15)).toEqual([...whole, ...new Array(16).fill(663)].slice(0, 15));
        expect(ids[15]).toBe(663);
        for (const id of whole) expect(Number.isInteger(id) && id >= 0 && id < 664).toBe(true);
      }),
    );
  });
});

describe('settings', () => {
  test.each([
    ['missing', {}, 77],
    ['unlimited', { model_max_length: 1e30 }, 77],
    ['null', { model_max_length: null }, 77],
    ['20', { model_max_length: 20 }, 20],
  ])('a length that is %s', async (_, config, length) => {
    const tokenizer = await loadTiny({ 'tokenizer_config.json': config });
    expect(tokenizer.modelMaxLength).toBe(length);
    expect(tokenizer.encode('')).toHaveLength(length);
  });

  const bang = { content: '!', lstrip: false, rstrip: false, normalized: false, single_word: false };
  test.each<[string, Record<string, object>, number]>([
    ['nothing', {}, 663],
    ['an empty or null pad token', { 'tokenizer_config.json': { pad_token: '', unk_token: null } }, 663],
    ['the config', { 'tokenizer_config.json': { pad_token: '!' } }, 0],
    ['the config, as an object', { 'tokenizer_config.json': { pad_token: bang } }, 0],
    [
      'the map, which overrules the config',
      {
        'tokenizer_config.json': { pad_token: '<|endoftext|>' },
        'special_tokens_map.json': { pad_token: '!' },
      },
      0,
    ],
    [
      'the config, where it lists the added tokens',
      {
        'tokenizer_config.json': { pad_token: '!', added_tokens_decoder: { 0: bang } },
        'special_tokens_map.json': { pad_token: '<|endoftext|>' },
      },
      0,
    ],
  ])('the pad token from %s', async (_, files, padTokenId) => {
    const tokenizer = await loadTiny(files);
    expect(tokenizer.padTokenId).toBe(padTokenId);
    expect(tokenizer.encode('a').slice(1)).toEqual([320, 663, ...new Array(74).fill(padTokenId)]);
  });
});

describe('added tokens', () => {
  const loadWith = (token: object) =>
    loadTiny({
      'tokenizer_config.json': { added_tokens_decoder: { 664: { content: '<Cat+1>', ...token } } },
    });
  /** Ids of ordinary texts between added tokens. */
  const idsOf = async (pieces: (string | number)[]) => {
    const plain = await ClipTokenizer.load(tiny);
    return pieces.flatMap((piece) =>
      typeof piece === 'number' ? piece : plain.encodeUntruncated(piece).slice(1, -1),
    );
  };

  test.each<[string, object, string, (string | number)[]]>([
    ['is found inside a word', {}, 'fox<Cat+1>fox', ['fox', 664, 'fox']],
    ['is found twice in a row', {}, '<Cat+1><Cat+1> a', [664, 664, 'a']],
    ['keeps to its case', {}, 'a <cat+1>', ['a <cat+1>']],
    ['is found in any case when normalised', { normalized: true }, 'a <CAT+1>', ['a', 664]],
    ['is not found inside a word when single', { single_word: true, content: 'cat' }, 'cats', ['cats']],
    [
      'is found beside a word when single',
      { single_word: true, content: 'cat' },
      'a cat, a',
      ['a', 664, ', a'],
    ],
    ['takes white space along', { lstrip: true, rstrip: true }, 'a \u0085<Cat+1>\n a', ['a', 664, 'a']],
    ['may be white space', { content: '  ' }, 'a   a', ['a', 664, 'a']],
    ['keeps quantifiers away from its parts', { content: '|a', rstrip: true }, 'x|a  |', ['x', 664, '|']],
  ])('one %s', async (_, token, text, pieces) => {
    const tokenizer = await loadWith(token);
    expect(tokenizer.encodeUntruncated(text)).toEqual([662, ...(await idsOf(pieces)), 663]);
    expect(tokenizer.vocabSize).toBe(665);
  });

  test('are the longest there where several fit', async () => {
    const added_tokens_decoder = { 664: { content: '<s' }, 665: { content: '<s>' } };
    const tokenizer = await loadTiny({ 'tokenizer_config.json': { added_tokens_decoder } });
    expect(tokenizer.encodeUntruncated('<s><s')).toEqual([662, 665, 664, 663]);
  });

  test('can come from added_tokens.json', async () => {
    const tokenizer = await loadTiny({ 'added_tokens.json': { '<Cat>': 664 } });
    expect(tokenizer.encodeUntruncated('a <CAT>')).toEqual([662, 320, 664, 663]);
    expect(tokenizer.vocabSize).toBe(665);
  });
});

describe('a folder that cannot be used is refused in one sentence', () => {
  const symbols = { type: 'BPE', end_of_word_suffix: '</w>', vocab: { a: 0 }, merges: [] as unknown[] };
  test.each<[string, () => Promise<string>, RegExp]>([
    ['empty', () => folderOf({}), /expected a tokenizer in .*merges\.txt, or tokenizer\.json/],
    ['without merges', () => folderOf({ 'vocab.json': join(tiny, 'vocab.json') }), /expected a tokenizer in/],
    [
      'a vocabulary with text for ids',
      () => folderOf({ ...symbolsOf(tiny), 'vocab.json': { a: 'b' } }),
      /vocab/,
    ],
    [
      'a vocabulary that is a list',
      () => folderOf({ ...symbolsOf(tiny), 'vocab.json': ['a'] }),
      /vocab\.json/,
    ],
    [
      'merges of another vocabulary',
      () => folderOf({ ...symbolsOf(tiny), 'merges.txt': join(golden, 'merges.txt') }),
      /the merge ".*" speaks of symbols that the vocabulary lacks/,
    ],
    [
      'merges of three',
      () => folderOf({ 'tokenizer.json': { model: { ...symbols, merges: ['a b c'] } } }),
      /expected two symbols in each merge of .*tokenizer\.json, got "a b c"/,
    ],
    [
      'no end token in the vocabulary',
      () => folderOf({ 'tokenizer.json': { model: symbols } }),
      /special token "<\|startoftext\|>" in .* is not in the vocabulary/,
    ],
    [
      'an unknown pad token',
      () => folderOf({ ...symbolsOf(tiny), 'tokenizer_config.json': { pad_token: '[PAD]' } }),
      /special token "\[PAD\]"/,
    ],
    [
      'no room for text',
      () => folderOf({ ...symbolsOf(tiny), 'tokenizer_config.json': { model_max_length: 1 } }),
      /"model_max_length" in .*tokenizer_config\.json/,
    ],
    [
      "T5's tokenizer",
      () => folderOf({ 'tokenizer.json': { model: { type: 'Unigram', vocab: [['a', -1]] } } }),
      /"model\.type" in .*expected a byte-pair encoding as CLIP has it/,
    ],
    [
      "GPT-2's tokenizer",
      () => folderOf({ 'tokenizer.json': { model: { ...symbols, end_of_word_suffix: '' } } }),
      /"model\.end_of_word_suffix" in .*expected "<\/w>"/,
    ],
  ])('%s', async (_, folder, message) => {
    const failure = ClipTokenizer.load(await folder());
    await expect(failure).rejects.toThrow(InputError);
    await expect(failure).rejects.toThrow(message);
    await expect(failure).rejects.toThrow(/^[^\n]*$/);
  });
});

describe('a learned token', () => {
  const folder = join(import.meta.dirname, '../fixtures/pipeline/sd15/tokenizer');

  // The ids are those of transformers' tokenizer after add_tokens(["<My-Cat>"]).
  test.each([
    ['a photo of <my-cat>', [662, 320, 552, 515, 664, 663]],
    ['a<MY-CAT>, red  <my-cat>on', [662, 320, 664, 267, 529, 323, 664, 521, 663]],
    ['my-cat', [662, 76, 344, 268, 659, 663]],
  ])('is found in %j as transformers finds it', async (text, ids) => {
    const tokenizer = (await ClipTokenizer.load(folder)).withToken('<My-Cat>', 664);
    expect(tokenizer.encodeUntruncated(text)).toEqual(ids);
    expect(tokenizer.vocabSize).toBe(665);
  });

  test('stands for several ids, and a word is found only as a whole', async () => {
    const base = await ClipTokenizer.load(folder);
    const tokenizer = base.withToken('<cat>', 664, 3).withToken('mycat', 667);
    expect(tokenizer.encodeUntruncated('<cat>')).toEqual([662, 664, 665, 666, 663]);
    expect(tokenizer.encodeUntruncated('mycat')).toEqual([662, 667, 663]);
    expect(tokenizer.encodeUntruncated('mycats')).toEqual(base.encodeUntruncated('mycats'));
    expect(tokenizer.encode('<cat>')).toHaveLength(77);
    expect(tokenizer.vocabSize).toBe(668);
  });

  test.each([
    ['a b', /without spaces/],
    ['', /without spaces/],
    ['of', /has a token "of" already; choose .* <of>/],
    ['<|endoftext|>', /already/],
  ])('%j is refused', async (content, message) => {
    const tokenizer = await ClipTokenizer.load(folder);
    expect(() => tokenizer.withToken(content, 664)).toThrow(message);
    const once = tokenizer.withToken('<x>', 664);
    expect(() => once.withToken('<X>', 665)).toThrow(InputError);
  });
});
