/** Finds a tokenizer's special tokens in a text, as the tokenizers library does before words are looked for. */

/** A token that is found in a text as it stands. */
export interface SpecialToken {
  readonly content: string;
  /** Found in the normalised (lower-case) text rather than in the text as given. */
  readonly normalized: boolean;
  /** Takes the white space before it along. */
  readonly lstrip: boolean;
  /** Takes the white space after it along. */
  readonly rstrip: boolean;
  /** Found only where no letter or digit touches it. */
  readonly single_word: boolean;
}

const quote = (text: string) => text.replace(/[\\^$.*+?()[\]{}|/]/g, '\\$&');

export class SpecialTokenFinder {
  private readonly idOf: ReadonlyMap<string, number>;
  private readonly pattern: RegExp;

  constructor(tokens: readonly (SpecialToken & { readonly id: number })[]) {
    this.idOf = new Map(tokens.map(({ content, id }) => [content, id]));
    const alternatives = tokens
      .toSorted((a, b) => b.content.length - a.content.length)
      .map(({ content, lstrip, rstrip, single_word }) => {
        const before = `${lstrip ? '\\p{White_Space}*' : ''}${single_word ? '(?<![\\p{L}\\p{N}_])' : ''}`;
        const after = `${single_word ? '(?![\\p{L}\\p{N}_])' : ''}${rstrip ? '\\p{White_Space}*' : ''}`;
        return `${before}(?:${quote(content)})${after}`;
      });
    this.pattern = new RegExp(alternatives.join('|') || '(?!)', 'gu');
  }

  /** The pieces of a text in order: ids of special tokens (leftmost first, the longest there) and the texts between. */
  split(text: string): (string | number)[] {
    const pieces: (string | number)[] = [];
    let end = 0;
    for (const match of text.matchAll(this.pattern)) {
      if (match.index > end) pieces.push(text.slice(end, match.index));
      pieces.push(this.idOfMatch(match[0]));
      end = match.index + match[0].length;
    }
    if (end < text.length) pieces.push(text.slice(end));
    return pieces;
  }

  private idOfMatch(match: string): number {
    const trimmed = match.replace(/^\p{White_Space}+|\p{White_Space}+$/gu, '');
    return this.idOf.get(match) ?? this.idOf.get(trimmed)!;
  }
}
