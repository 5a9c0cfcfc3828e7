/** CLIP's tokenizer, as transformers' CLIPTokenizer has it: text to the token ids that text encoders take. */
import { InputError } from '../errors.js';
import { BytePairEncoding } from './byte-pair-encoding.js';
import {
  type ClipTokenizerFiles,
  parseClipTokenizer,
  readTokenizerFiles,
  type TokenizerFiles,
} from './clip-tokenizer-folder.js';
import { SpecialTokenFinder } from './special-tokens.js';

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

  constructor(files: ClipTokenizerFiles) {
    const { vocabulary, specialTokens } = files;
    this.bosTokenId = vocabulary.get(files.begin)!;
    this.eosTokenId = vocabulary.get(files.end)!;
    this.padTokenId = vocabulary.get(files.pad)!;
    this.modelMaxLength = files.modelMaxLength;
    let largest = 0;
    for (const id of vocabulary.values()) largest = Math.max(largest, id);
    this.vocabSize = largest + 1;
    this.words = new BytePairEncoding(vocabulary, files.merges, vocabulary.get(files.unknown)!);
    const special = specialTokens.map((token) => ({ ...token, id: vocabulary.get(token.content)! }));
    this.asGiven = new SpecialTokenFinder(special.filter(({ normalized }) => !normalized));
    this.afterNormalizing = new SpecialTokenFinder(
      special
        .filter(({ normalized }) => normalized)
        .map((token) => ({ ...token, content: normalize(token.content) })),
    );
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
        ids.push(piece);
        continue;
      }
      for (const [word] of piece.matchAll(WORD)) {
        for (const id of this.words.encode(word)) ids.push(id);
      }
    }
  }
}
