/** The noun chunks of an English prompt, as spaCy's noun_chunks are: from the determiner through the head noun. */
import { correctedTags, isNoun, isPossessive } from './noun-tags.js';
import { taggedWords, type Word } from './part-of-speech.js';

export interface NounChunk {
  readonly text: string;
  /** Place of its first character in the prompt. */
  readonly start: number;
}

/** Adjectives that follow the noun they describe, with words of their own: "a greenhouse full of flowers". */
const FOLLOWING = new Set(
  'full next close near alone asleep awake alive ready visible empty rich free high tall wide deep long old bright adjacent similar such aglow ablaze afloat adrift'.split(
    ' ',
  ),
);

/**
 * Determiners, possessors, numbers, adjectives and compounds belong to a chunk; prepositional phrases and clauses do not, and
 * coordinated things are chunks of their own. Pronouns count, "who" and "that" of relative clauses among them.
 */
export function nounChunks(prompt: string): NounChunk[] {
  const words = correctedTags(taggedWords(prompt));
  const chunks: NounChunk[] = [];
  for (let at = 0; at < words.length; ) {
    const end = chunkEnd(words, at);
    if (end === at) at++;
    else {
      const { start } = words[at]!;
      chunks.push({ text: prompt.slice(start, words[end - 1]!.end), start });
      at = end;
    }
  }
  return chunks;
}

/** Where the chunk that starts at a word ends; that word's own place where none does. */
function chunkEnd(words: readonly Word[], start: number): number {
  const first = words[start]!;
  if (first.tag === 'PRON' && !isPossessive(first)) return first.lower === 'there' ? start : start + 1;
  let end = start;
  let head = -1;
  while (end < words.length && belongs(words, end, start, head)) {
    if (isNoun(words[end]!)) head = end;
    end++;
  }
  if (head >= 0) return lastOf(words, head, end) + 1;
  return isNominal(words, start, end) ? end : start;
}

/** Whether a word carries a chunk on that began at `start` and whose last noun so far is at `head`. */
function belongs(words: readonly Word[], at: number, start: number, head: number): boolean {
  const [word, before, after] = [words[at]!, words[at - 1], words[at + 1]];
  if (isNoun(word)) return true;
  switch (word.tag) {
    case 'DET':
      return at === start || (before!.tag === 'DET' && head < 0);
    case 'NUM':
    case 'ADJ':
      return true;
    case 'PRON':
      return isPossessive(word) && (at === start || before!.tag === 'DET');
    case 'PART':
      return head === at - 1 && /^['’]s?$/.test(word.lower);
    case 'ADV':
      return head < 0 && after !== undefined && after.tag === 'ADJ' && describes(words, at + 1);
    case 'CCONJ':
    case 'PUNCT':
      // "a black and white photograph", "a big, red balloon"
      return (
        head < 0 &&
        at > start &&
        /^(and|or|,)$/.test(word.lower) &&
        before!.tag === 'ADJ' &&
        after?.tag === 'ADJ' &&
        describes(words, at + 1)
      );
    default:
      return false;
  }
}

/** Whether adjectives from a word on lead to a noun. */
function describes(words: readonly Word[], at: number): boolean {
  let place = at;
  while (words[place]?.tag === 'ADJ') place++;
  const word = words[place];
  return word !== undefined && isNoun(word);
}

/** The last word: the head noun, or an adjective after it that stands for a noun, as in "a village square". */
function lastOf(words: readonly Word[], head: number, end: number): number {
  const [next, after] = [words[head + 1], words[head + 2]];
  const single = end === head + 2 && next!.tag === 'ADJ';
  return single &&
    !FOLLOWING.has(next!.lower) &&
    after?.tag !== 'ADJ' &&
    !/^(to|with|than)$/.test(after?.lower ?? '')
    ? head + 1
    : head;
}

/** Whether words without a noun are a thing all the same: "the left", "two", "soft golden light" before a verb. */
function isNominal(words: readonly Word[], start: number, end: number): boolean {
  const [first, before, after] = [words[start], words[start - 1], words[end]];
  if (end === start || before?.tag === 'AUX') return false;
  if (first!.tag === 'NUM' && end - start === 1) return before?.tag === 'ADP';
  if (first!.tag === 'DET' || isPossessive(first!)) return end - start > 1;
  return (
    end - start > 1 &&
    (before === undefined || before.tag === 'PUNCT' || before.tag === 'ADP') &&
    after?.tag === 'VERB'
  );
}
