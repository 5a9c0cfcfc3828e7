/** BERT's tokenizer for lower-case text, as transformers' BertTokenizer has it: words, then their longest known pieces. */
import { join } from 'node:path';
import { z } from 'zod';
import { InputError } from '../errors.js';
import { exists, readJson, readText } from './files.js';

const SPECIAL = { unknown: '[UNK]', begin: '[CLS]', end: '[SEP]' } as const;
/** Longer words are unknown. */
const LONGEST_WORD = 100;
const CONTINUATION = '##';

/** Chinese, Japanese and Korean characters of the blocks that BERT sets apart, each a word of its own. */
const IDEOGRAPH =
  /[\u4E00-\u9FFF\u3400-\u4DBF\u{20000}-\u{2A6DF}\u{2A700}-\u{2B73F}\u{2B740}-\u{2B81F}\u{2B820}-\u{2CEAF}\uF900-\uFAFF\u{2F800}-\u{2FA1F}]/gu;
/** Controls are dropped; tab and line ends are spaces. */
const DROPPED = /[\0\uFFFD]|(?![\t\n\r])\p{C}/gu;
/** Also the ASCII signs that Unicode does not call punctuation. */
const PUNCTUATION = /[\p{P}$+<=>^`|~]/gu;

const tokenizerJsonSchema = z.object({
  model: z.object({
    type: z.literal('WordPiece', 'expected WordPiece as BERT has it'),
    vocab: z.record(z.string(), z.int().nonnegative()),
  }),
});

export class BertTokenizer {
  private readonly texts: ReadonlyMap<number, string>;

  /** `vocabulary` gives each piece's id. Throws InputError where it lacks a special token. */
  constructor(private readonly vocabulary: ReadonlyMap<string, number>) {
    for (const token of Object.values(SPECIAL)) this.idOf(token);
    this.texts = new Map([...vocabulary].map(([piece, id]) => [id, piece]));
  }

  /** Reads a folder's vocab.txt or tokenizer.json. Throws InputError where it has neither, or another kind of tokenizer. */
  static async load(folder: string): Promise<BertTokenizer> {
    const path = join(folder, 'vocab.txt');
    if (await exists(path)) {
      const lines = (await readText(path)).replace(/\r?\n$/, '').split(/\r?\n/);
      return new BertTokenizer(new Map(lines.map((piece, id) => [piece, id])));
    }
    const whole = join(folder, 'tokenizer.json');
    if (!(await exists(whole)))
      throw new InputError(
        `expected vocab.txt or tokenizer.json in ${folder}; check that the folder is complete`,
      );
    const { model } = await readJson(whole, tokenizerJsonSchema);
    return new BertTokenizer(new Map(Object.entries(model.vocab)));
  }

  /** The id of one piece. Throws InputError where the vocabulary lacks it. */
  idOf(piece: string): number {
    const id = this.vocabulary.get(piece);
    if (id !== undefined) return id;
    throw new InputError(
      `expected "${piece}" in the vocabulary; take the tokenizer that belongs to the model`,
    );
  }

  /** The ids of a text between those of [CLS] and [SEP], cut to `maxLength` in all. */
  encode(text: string, maxLength = Number.POSITIVE_INFINITY): number[] {
    const ids = words(text).flatMap((word) => this.pieces(word));
    const { begin, end } = SPECIAL;
    return [this.idOf(begin), ...ids.slice(0, maxLength - 2), this.idOf(end)];
  }

  /** The text of ids, special ones left out: pieces joined to words, and no space before signs, as transformers cleans up. */
  decode(ids: readonly number[]): string {
    const pieces = ids
      .map((id) => this.texts.get(id))
      .filter((piece) => piece && !/^\[[A-Z]+\]$/.test(piece));
    return pieces
      .join(' ')
      .replaceAll(` ${CONTINUATION}`, '')
      .replace(/ ([.?!,])/g, '$1')
      .replaceAll(" ' ", "'")
      .replace(/ (n't|'m|'s|'ve|'re)/g, '$1');
  }

  /** The longest piece that the word starts with, then of the rest; one unknown piece where a rest has none. */
  private pieces(word: string): number[] {
    const unknown = [this.idOf(SPECIAL.unknown)];
    const characters = Array.from(word);
    if (characters.length > LONGEST_WORD) return unknown;
    const ids: number[] = [];
    for (let start = 0, end = 0; start < characters.length; start = end) {
      let id: number | undefined;
      for (end = characters.length; end > start && id === undefined; end--) {
        const piece = characters.slice(start, end).join('');
        id = this.vocabulary.get(start > 0 ? CONTINUATION + piece : piece);
      }
      if (id === undefined) return unknown;
      ids.push(id);
      end++;
    }
    return ids;
  }
}

/** Lower-case words without accents; every sign and ideograph is a word. */
function words(text: string): string[] {
  const clean = text.replace(DROPPED, '').replace(IDEOGRAPH, ' $& ').toLowerCase();
  const bare = clean.normalize('NFD').replace(/\p{Mn}/gu, '');
  return bare
    .replace(PUNCTUATION, ' $& ')
    .split(/\p{White_Space}+/u)
    .filter((word) => word !== '');
}
