/** Byte-pair encoding of single words, as CLIP's vocabularies want it: over bytes, the last one marked as a word's end. */
import { InputError } from '../errors.js';

/** Marks the last symbol of a word in vocabulary and merges. */
export const END_OF_WORD = '</w>';

/**
 * The character that stands for each byte in a vocabulary file: itself where it prints, one above U+0100 otherwise.
 * https://github.com/openai/CLIP/blob/main/clip/simple_tokenizer.py (bytes_to_unicode)
 */
const CHARACTER_OF_BYTE: readonly string[] = (() => {
  let others = 0;
  return Array.from({ length: 256 }, (_, byte) => {
    const prints = (byte >= 0x21 && byte <= 0x7e) || (byte >= 0xa1 && byte !== 0xad);
    return String.fromCodePoint(prints ? byte : 256 + others++);
  });
})();

const utf8 = new TextEncoder();

interface Merge {
  /** Its line in the list of merges: the smaller, the earlier it is done. */
  readonly rank: number;
  readonly id: number;
}

export class BytePairEncoding {
  private readonly vocabulary: ReadonlyMap<string, number>;
  private readonly unknownId: number;
  /** By left id × idCount + right id. */
  private readonly merges = new Map<number, Merge>();
  private readonly idCount: number;

  /**
   * `merges` are pairs of symbols, the most frequent first; `unknownId` stands for bytes the vocabulary lacks.
   * Throws InputError where a merge speaks of symbols that the vocabulary lacks.
   */
  constructor(
    vocabulary: ReadonlyMap<string, number>,
    merges: readonly (readonly [string, string])[],
    unknownId: number,
  ) {
    this.vocabulary = vocabulary;
    this.unknownId = unknownId;
    this.idCount = 1;
    for (const id of vocabulary.values()) this.idCount = Math.max(this.idCount, id + 1);
    for (const [rank, [left, right]] of merges.entries()) {
      const [leftId, rightId, id] = [left, right, left + right].map((symbol) => vocabulary.get(symbol));
      if (leftId === undefined || rightId === undefined || id === undefined) {
        throw new InputError(`the merge "${left} ${right}" speaks of symbols that the vocabulary lacks`);
      }
      this.merges.set(leftId * this.idCount + rightId, { rank, id });
    }
  }

  /** The ids of one word, which is not empty. */
  encode(word: string): number[] {
    const bytes = utf8.encode(word);
    const ids = Array.from(bytes, (byte, i) => {
      const symbol = CHARACTER_OF_BYTE[byte]! + (i === bytes.length - 1 ? END_OF_WORD : '');
      return this.vocabulary.get(symbol) ?? this.unknownId;
    });
    // mergeAt[i] joins ids[i] and ids[i + 1], if anything does.
    const mergeAt = ids.map((_, i) => this.mergeOf(ids, i));
    for (;;) {
      let best = -1;
      let bestRank = Number.POSITIVE_INFINITY;
      for (let i = 0; i < mergeAt.length; i++) {
        const rank = mergeAt[i]?.rank;
        if (rank !== undefined && rank < bestRank) {
          best = i;
          bestRank = rank;
        }
      }
      if (best < 0) return ids;
      ids.splice(best, 2, mergeAt[best]!.id);
      mergeAt.splice(best, 1);
      mergeAt[best] = this.mergeOf(ids, best);
      if (best > 0) mergeAt[best - 1] = this.mergeOf(ids, best - 1);
    }
  }

  private mergeOf(ids: readonly number[], i: number): Merge | undefined {
    return i + 1 < ids.length ? this.merges.get(ids[i]! * this.idCount + ids[i + 1]!) : undefined;
  }
}
