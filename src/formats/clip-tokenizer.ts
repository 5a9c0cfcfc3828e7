/** CLIP's tokenizer, as transformers' CLIPTokenizer has it: text to the token ids that text encoders take. */
import { InputError } from '../errors.js';
import { BytePairEncoding, END_OF_WORD } from './byte-pair-encoding.js';
import {
  type ClipTokenizerFiles,
  parseClipTokenizer,
  readTokenizerFiles,
  type TokenizerFiles,
} from './clip-tokenizer-folder.js';
import { type SpecialToken, SpecialTokenFinder } from './special-tokens.js';

/** Contractions, runs of letters, single digits, runs of anything else that is not white space. */
const WORD = /'s|'t|'re|'ve|'m|'ll|'d|\p{L}+|\p{N}|[^\p{White_Space}\p{L}\p{N}]+/gu;

/**
 * Composed characters, single spaces, lower case. Each character is lowered by itself, so that a final Greek sigma
 * stays an ordinary one.
 */
function normalize(text: string): string {
  const spaced = text.normalize('NFC').replace(/\p{White_Space}+/gu, ' ');
  return Array.from(spaced, (character) => character.toLowerCase()).join('');
}

/** A token that was learned beside the vocabulary: it stands for ids of its own, `count` from `id` on. */
interface LearnedToken {
  readonly content: string;
  readonly id: number;
  readonly count: number;
}

/** Made by `ClipTokenizer.load` or `ClipTokenizer.of`. */
export class ClipTokenizer {
  readonly bosTokenId: number;
  readonly eosTokenId: number;
  readonly padTokenId: number;
  /** Number of positions that `encode` fills: 77 for every published model. */
  readonly modelMaxLength: number;
  /** One more than the largest id: the rows that a token embedding must have. */
  readonly vocabSize: number;
  private readonly words: BytePairEncoding;
  private readonly asGiven: SpecialTokenFinder;
  private readonly afterNormalizing: SpecialTokenFinder;

  constructor(
    private readonly files: ClipTokenizerFiles,
    private readonly learned: readonly LearnedToken[] = [],
  ) {
    const { vocabulary, specialTokens } = files;
    this.bosTokenId = vocabulary.get(files.begin)!;
    this.eosTokenId = vocabulary.get(files.end)!;
    this.padTokenId = vocabulary.get(files.pad)!;
    this.modelMaxLength = files.modelMaxLength;
    let largest = 0;
    for (const id of vocabulary.values()) largest = Math.max(largest, id);
    for (const { id, count } of learned) largest = Math.max(largest, id + count - 1);
    this.vocabSize = largest + 1;
    this.words = new BytePairEncoding(vocabulary, files.merges, vocabulary.get(files.unknown)!);
    const special = specialTokens.map((token) => ({ ...token, id: vocabulary.get(token.content)! }));
    this.asGiven = new SpecialTokenFinder(special.filter(({ normalized }) => !normalized));
    this.afterNormalizing = new SpecialTokenFinder(
      [...special, ...learned.map(specialOf)]
        .filter(({ normalized }) => normalized)
        .map((token) => ({ ...token, content: normalize(token.content) })),
    );
  }

  /**
   * The same with a token such as "<sks>", found in small and capital letters, that stands for `count` ids from `id` on;
   * one of letters is found only as a whole word. Throws InputError where it is no token or one that exists.
   */
  withToken(content: string, id: number, count = 1): ClipTokenizer {
    if (!/^\S+$/u.test(content)) {
      throw new InputError(`expected a token without spaces, such as <sks>, got "${content}"`);
    }
    const { vocabulary } = this.files;
    const word = normalize(content);
    const known = [content, word, word + END_OF_WORD].some((symbol) => vocabulary.has(symbol));
    if (known || this.learned.some((token) => normalize(token.content) === word)) {
      throw new InputError(
        `the tokenizer has a token "${content}" already; choose one that is no word, such as <${content}>`,
      );
    }
    return new ClipTokenizer(this.files, [...this.learned, { content, id, count }]);
  }

  /**
   * Reads a tokenizer folder of diffusers or transformers: vocab.json and merges.txt, or tokenizer.json, and what
   * tokenizer_config.json and special_tokens_map.json say about special tokens and the length.
   * Throws InputError where the folder is incomplete or is not of a CLIP tokenizer.
   */
  static async load(folder: string): Promise<ClipTokenizer> {
    return ClipTokenizer.of(await readTokenizerFiles(folder), folder);
  }

  /** The tokenizer of a folder's files; `place` is what an error calls it. Throws InputError as `load` does. */
  static of(files: TokenizerFiles, place: string): ClipTokenizer {
    const parsed = parseClipTokenizer(files, place);
    try {
      return new ClipTokenizer(parsed);
    } catch (error) {
      if (!(error instanceof InputError)) throw error;
      throw new InputError(`cannot use the tokenizer in ${place}: ${error.message}`, { cause: error });
    }
  }

  /** The ids a text encoder takes: begin, text, end, cut or padded to exactly `modelMaxLength`. */
  encode(text: string): number[] {
    const ids = this.encodeUntruncated(text);
    if (ids.length > this.modelMaxLength) return [...ids.slice(0, this.modelMaxLength - 1), this.eosTokenId];
    return [...ids, ...new Array<number>(this.modelMaxLength - ids.length).fill(this.padTokenId)];
  }

  /** The ids of the whole text between those of begin and end. */
  encodeUntruncated(text: string): number[] {
    const ids = [this.bosTokenId];
    for (const piece of this.asGiven.split(text)) {
      if (typeof piece === 'number') ids.push(piece);
      else this.pushNormalized(normalize(piece), ids);
    }
    ids.push(this.eosTokenId);
    return ids;
  }

  private pushNormalized(text: string, ids: number[]): void {
    for (const piece of this.afterNormalizing.split(text)) {
      if (typeof piece === 'number') {
        const { count = 1 } = this.learned.find(({ id }) => id === piece) ?? {};
        for (let k = 0; k < count; k++) ids.push(piece + k);
        continue;
      }
      for (const [word] of piece.matchAll(WORD)) {
        for (const id of this.words.encode(word)) ids.push(id);
      }
    }
  }
}

/** How transformers adds a token that is not special, but that a word is not found within another. */
function specialOf({ content, id }: LearnedToken): SpecialToken & { id: number } {
  const single_word = /^[\p{L}\p{N}].*[\p{L}\p{N}]$|^[\p{L}\p{N}]$/u.test(content);
  return { content, id, normalized: true, lstrip: false, rstrip: false, single_word };
}
