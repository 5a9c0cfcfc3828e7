/** Words of English prompts with their parts of speech, by wink-nlp's tagger, as the noun chunker takes them. */
import model from 'wink-eng-lite-web-model';
import winkNLP from 'wink-nlp';

/** Universal part-of-speech tags. */
export type Tag =
  | 'ADJ'
  | 'ADP'
  | 'ADV'
  | 'AUX'
  | 'CCONJ'
  | 'DET'
  | 'NOUN'
  | 'NUM'
  | 'PART'
  | 'PRON'
  | 'PROPN'
  | 'PUNCT'
  | 'SCONJ'
  | 'VERB'
  | 'other';

export interface Word {
  readonly text: string;
  /** Lower-cased. */
  readonly lower: string;
  tag: Tag;
  /** Places in the prompt: of the first character, and after the last. */
  readonly start: number;
  readonly end: number;
}

const TAGS: ReadonlySet<string> = new Set(
  'ADJ ADP ADV AUX CCONJ DET NOUN NUM PART PRON PROPN PUNCT SCONJ VERB'.split(' '),
);

let tagger: ReturnType<typeof winkNLP> | undefined;

/** The words of a text; what hyphens join is one word, with the tag of its last part. */
export function taggedWords(text: string): Word[] {
  tagger ??= winkNLP(model, ['sbd', 'pos']);
  // A capital at the start would make any word a name, and a full stop can stick to the last word.
  const tokens = tagger.readDoc(uncapitalized(text).replace(/[.\s]+$/, '')).tokens();
  const texts = tokens.out() as string[];
  const tags = tokens.out(tagger.its.pos) as string[];
  const lower = text.toLowerCase();
  const words: Word[] = [];
  let at = 0;
  texts.forEach((token, i) => {
    const start = lower.indexOf(token.toLowerCase(), at);
    at = start + token.length;
    const tag = (TAGS.has(tags[i]!) ? tags[i]! : 'other') as Tag;
    const last = words.at(-1);
    const joins = last?.end === start && (token === '-' || last.text.endsWith('-'));
    if (joins) words.pop();
    const from = joins ? last.start : start;
    const whole = text.slice(from, at);
    words.push({ text: whole, lower: whole.toLowerCase(), tag, start: from, end: at });
  });
  return words;
}

const uncapitalized = (text: string): string => text.charAt(0).toLowerCase() + text.slice(1);
