/** CLIP's tokenizer, as transformers' CLIPTokenizer has it: text to the token ids that text encoders take. */
import { InputError } from '../errors.js';
import { BytePairEncoding } from './byte-pair-encoding.js';
import {
  type ClipTokenizerFiles,
  readClipTokenizerFolder,
  type SpecialToken,
} from './clip-tokenizer-folder.js';

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

/** Matches any of the tokens (as its one group), at the leftmost place the longest; undefined if there are none. */
function patternOf(tokens: readonly SpecialToken[]): RegExp | undefined {
  if (tokens.length === 0) return undefined;
  const escape = (text: string) => text.replace(/[\\^$.*+?()[\]{}|/-]/g, '\\$&');
  const alternatives = tokens
    .toSorted((a, b) => b.content.length - a.content.length)
    .map(({ content, lstrip, rstrip, single_word }) => {
      const word = single_word
        ? `(?<![\\p{L}\\p{N}_])${escape(content)}(?![\\p{L}\\p{N}_])`
        : escape(content);
      return `${lstrip ? '\\p{White_Space}*' : ''}${word}${rstrip ? '\\p{White_Space}*' : ''}`;
    });
  return new RegExp(`(${alternatives.join('|')})`, 'u');
}

/** Splits a text around a pattern with one group: texts at even places, matches at odd ones. */
const splitAround = (text: string, pattern: RegExp | undefined) => (pattern ? text.split(pattern) : [text]);

/** Made by `ClipTokenizer.load`. */
export class ClipTokenizer {
  readonly bosTokenId: number;
  readonly eosTokenId: number;
  readonly padTokenId: number;
  /** Number of positions that `encode` fills: 77 for every published model. */
  readonly modelMaxLength: number;
  /** One more than the largest id: the rows that a token embedding must have. */
  readonly vocabSize: number;
  private readonly vocabulary: ReadonlyMap<string, number>;
  private readonly words: BytePairEncoding;
  private readonly asGiven: RegExp | undefined;
  private readonly afterNormalizing: RegExp | undefined;

  constructor(files: ClipTokenizerFiles) {
    const { vocabulary, specialTokens } = files;
    this.vocabulary = vocabulary;
    this.bosTokenId = vocabulary.get(files.begin)!;
    this.eosTokenId = vocabulary.get(files.end)!;
    this.padTokenId = vocabulary.get(files.pad)!;
    this.modelMaxLength = files.modelMaxLength;
    let largest = 0;
    for (const id of vocabulary.values()) largest = Math.max(largest, id);
    this.vocabSize = largest + 1;
    this.words = new BytePairEncoding(vocabulary, files.merges, vocabulary.get(files.unknown)!);
    this.asGiven = patternOf(specialTokens.filter(({ normalized }) => !normalized));
    this.afterNormalizing = patternOf(specialTokens.filter(({ normalized }) => normalized));
  }

  /**
   * Reads a tokenizer folder of diffusers or transformers: vocab.json and merges.txt, or tokenizer.json, and what
   * tokenizer_config.json and special_tokens_map.json say about special tokens and the length.
   * Throws InputError where the folder is incomplete or is not of a CLIP tokenizer.
   */
  static async load(folder: string): Promise<ClipTokenizer> {
    const files = await readClipTokenizerFolder(folder);
    try {
      return new ClipTokenizer(files);
    } catch (error) {
      if (!(error instanceof InputError)) throw error;
      throw new InputError(`cannot use the tokenizer in ${folder}: ${error.message}`, { cause: error });
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
    for (const [i, part] of splitAround(text, this.asGiven).entries()) {
      if (i % 2 === 1) ids.push(this.specialId(part));
      else this.pushNormalized(part, ids);
    }
    ids.push(this.eosTokenId);
    return ids;
  }

  private pushNormalized(text: string, ids: number[]): void {
    for (const [i, part] of splitAround(normalize(text), this.afterNormalizing).entries()) {
      if (i % 2 === 1) ids.push(this.specialId(part));
      else for (const [word] of part.matchAll(WORD)) ids.push(...this.words.encode(word));
    }
  }

  /** The id of a special token as it was matched, perhaps with white space around it. */
  private specialId(match: string): number {
    return this.vocabulary.get(match) ?? this.vocabulary.get(match.trim())!;
  }
}
