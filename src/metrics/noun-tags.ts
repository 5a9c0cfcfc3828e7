/** Corrections of a tagger's mistakes in short English prompts, which often are no sentences. */
import type { Tag, Word } from './part-of-speech.js';

const POSSESSIVES = new Set(['its', 'his', 'her', 'their', 'my', 'our', 'your', 'whose']);
const RELATIVES = new Set(['that', 'which', 'who']);
/** Nouns without an article in prepositions of several words. */
const IN_PREPOSITIONS = new Set(['front', 'top', 'back', 'between', 'instead', 'spite', 'place']);

export const isNoun = ({ tag }: Word): boolean => tag === 'NOUN' || tag === 'PROPN';
export const isPossessive = ({ lower }: Word): boolean => POSSESSIVES.has(lower);

const isPlural = ({ lower }: Word): boolean => /[^sui]s$/.test(lower) && lower.length > 3;
const isParticiple = ({ lower }: Word): boolean => /(ed|en|[wr]n|ing)$/.test(lower);

/** Plurals that say what a noun after them is like. */
const PLURAL_MODIFIERS = new Set('sports arts games goods fireworks news clothes'.split(' '));
/** Things whose names look like what somebody is doing. */
const THINGS_IN_ING = new Set(
  'building ceiling painting clothing railing wedding swing evening morning lightning awning drawing carving landing crossing dumpling duckling string spring wing ring king thing sibling icing lining frosting stocking'.split(
    ' ',
  ),
);
/** Past forms that do not end in -ed, -en or -wn. */
const IRREGULAR = new Set(
  'sat stood ran made held built flew hung lit wrote sang sung swam won took gave went gone came left lay laid put set cut hit spun stuck swept kept slept felt knelt bent sent spent fought caught brought bought found wound led met rode shone strewn cast split spread shut bound clad'.split(
    ' ',
  ),
);

/** The words with better tags. */
export function correctedTags(words: readonly Word[]): Word[] {
  const corrected = words.map((word) => ({ ...word }));
  for (const rule of [relative, preposition, gerund, participle, modifier, head, agreement, thirdPerson])
    corrected.forEach((word, i) => {
      const tag = rule(word, corrected[i - 1], corrected[i + 1], corrected.slice(0, i));
      if (tag) word.tag = tag;
    });
  return corrected;
}

type Rule = (
  word: Word,
  before: Word | undefined,
  after: Word | undefined,
  earlier: readonly Word[],
) => Tag | undefined;

const has = (word: Word | undefined, ...tags: readonly Tag[]): boolean =>
  word !== undefined && tags.includes(word.tag);

/** "a ship that sails": after a noun, "that" stands for it, and what follows is a verb. */
const relative: Rule = ({ lower, tag }, before, after) => {
  if (RELATIVES.has(lower) && before && isNoun(before) && after && !has(after, 'DET', 'ADJ', 'NUM'))
    return 'PRON';
  return before && RELATIVES.has(before.lower) && has(before, 'PRON') && tag === 'NOUN' ? 'VERB' : undefined;
};

/** "in front of", "on top of", "next to" name a place and no thing. */
const preposition: Rule = ({ lower }, before, after) => {
  if (has(before, 'ADP') && after?.lower === 'of' && IN_PREPOSITIONS.has(lower)) return 'ADP';
  return lower === 'next' && after?.lower === 'to' ? 'ADP' : undefined;
};

/** "a robot watering plants", "a camel standing beside a well": what ends in -ing after a noun is done by it. */
const gerund: Rule = ({ lower, tag }, before, after) => {
  if (!(tag === 'NOUN' || tag === 'ADJ') || !lower.endsWith('ing')) return undefined;
  if (!before || !isNoun(before) || !after || after.lower === 'of') return undefined;
  const plural = isPlural(before);
  if (THINGS_IN_ING.has(lower) && !plural) return undefined;
  const done = has(after, 'DET', 'ADP', 'ADJ', 'NUM', 'PRON', 'VERB');
  return done || (isNoun(after) && (plural || isPlural(after))) ? 'VERB' : undefined;
};

/** "with colored pencils": a participle right before a noun says what it is like, unless a noun before it does something. */
const participle: Rule = (word, before, after, earlier) => {
  if (word.tag !== 'VERB' || !after) return undefined;
  // "built from scrap metal"
  if (!isParticiple(word))
    return has(before, 'ADP') && before!.lower !== 'to' && isNoun(after) ? 'NOUN' : undefined;
  if (!(isNoun(after) || after.tag === 'ADJ')) return undefined;
  if (!before || has(before, 'DET', 'ADJ', 'ADV', 'NUM') || isPossessive(before)) return 'ADJ';
  if (has(before, 'ADP'))
    return !word.lower.endsWith('ing') || OF_THINGS.test(before.lower) ? 'ADJ' : undefined;
  if (!has(before, 'CCONJ', 'PUNCT')) return undefined;
  // "with wet stones and shouting vendors" lists things; "wearing a hat and holding balloons" lists deeds.
  const opener = earlier.findLast((one) => one.tag === 'VERB' || OF_THINGS.test(one.lower));
  return opener && OF_THINGS.test(opener.lower) ? 'ADJ' : undefined;
};

/** Words that lists of things follow. */
const OF_THINGS = /^(with|of|in|on|under|featuring)$/;

/** "a still lake": between a determiner and a noun stands an adjective. */
const modifier: Rule = ({ tag }, before, after) =>
  tag === 'ADV' && has(before, 'DET') && after && (isNoun(after) || has(after, 'ADJ')) ? 'ADJ' : undefined;

/** "its back", "hungry crows", "a dry well", "a rusty can": what ends a run of modifiers is a noun. */
const head: Rule = (word, before, after, earlier) => {
  if (!before || isNoun(word)) return undefined;
  // "soft golden light fills the hall"
  const opens = earlier.every((one) => has(one, 'ADJ', 'ADV')) && has(word, 'ADJ', 'ADV');
  if (opens && has(after, 'VERB')) return 'NOUN';
  if (after && (isNoun(after) || has(after, 'ADJ', 'NUM', 'VERB', 'DET', 'PART', 'AUX'))) return undefined;
  if (isPossessive(before) && has(word, 'ADJ', 'ADV', 'VERB'))
    return before.lower === 'her' && word.tag === 'VERB' ? undefined : 'NOUN';
  const modified =
    has(before, 'DET') || (has(before, 'ADJ') && has(earlier.at(-2), 'DET', 'ADJ', 'ADP', 'CCONJ'));
  if (!modified) return undefined;
  return has(word, 'VERB', 'ADV') || /^(can|will)$/.test(word.lower) ? 'NOUN' : undefined;
};

/** "a mountain pass at dawn": a verb in its plain form has no singular subject. "Two swans glide": but a plural one. */
const agreement: Rule = (word, before, after) => {
  if (!before || !isNoun(before)) return undefined;
  if (word.tag === 'VERB' && !isPlural(before)) {
    const plain = !isParticiple(word) && !/[^s]s$/.test(word.lower) && !IRREGULAR.has(word.lower);
    return plain && (!after || has(after, 'ADP', 'CCONJ', 'PUNCT')) ? 'NOUN' : undefined;
  }
  if (word.tag !== 'NOUN' || !isPlural(before) || isPlural(word) || PLURAL_MODIFIERS.has(before.lower))
    return undefined;
  return has(after, 'ADP', 'DET', 'ADV') && after!.lower !== 'of' ? 'VERB' : undefined;
};

/** "a dragon circles the tower", "a couple dances slowly": a plural after a singular subject is a verb. */
const thirdPerson: Rule = (word, before, after, earlier) => {
  if (word.tag !== 'NOUN' || !isPlural(word) || !before || !isNoun(before) || isPlural(before))
    return undefined;
  if (has(after, 'DET', 'ADV') || (after && isPossessive(after))) return 'VERB';
  // "a child blows soap bubbles": no chunk has a plural inside, nor one after "a" at its end.
  const first = earlier.findLastIndex((one) => !isNoun(one) && !has(one, 'ADJ', 'NUM'));
  const determiner = earlier[Math.max(0, first)]!.lower;
  const inside = after !== undefined && (isNoun(after) || has(after, 'ADJ'));
  // "The astronaut waves at a satellite": prompts that start with "the" are sentences.
  const sentence = first === 0 && determiner === 'the' && has(after, 'ADP') && after!.lower !== 'of';
  return /^(an?|one|each|every)$/.test(determiner) || inside || sentence ? 'VERB' : undefined;
};
