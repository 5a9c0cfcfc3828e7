/** Byte-pair encoding on vocabularies small enough to do by hand. */
import { expect, test } from 'vitest';
import { InputError } from '../../src/errors.js';
import { BytePairEncoding } from '../../src/formats/byte-pair-encoding.js';

/** An encoding whose ids are the places of the symbols in a list; 99 is the unknown id. */
function encodingOf(symbols: string, merges: string): (word: string) => string {
  const names = symbols.split(' ');
  const pairs = merges === '' ? [] : merges.split(', ').map((pair) => pair.split(' ') as [string, string]);
  const encoding = new BytePairEncoding(new Map(names.map((name, id) => [name, id])), pairs, 99);
  return (word) =>
    encoding
      .encode(word)
      .map((id) => names[id] ?? '?')
      .join(' ');
}

test.each([
  ['marks the last symbol', 'a b b</w>', '', 'abb', 'a b b</w>'],
  ['merges the earliest pair of the list first', 'a b c</w> ab bc</w>', 'b c</w>, a b', 'abc', 'a bc</w>'],
  ['merges the leftmost of equal pairs first', 'a a</w> aa', 'a a', 'aaaa', 'aa a a</w>'],
  ['merges what was merged', 'a b a</w> ab aba</w>', 'a b, ab a</w>', 'aba', 'aba</w>'],
  ['does a new pair that ranks earlier at once', 'a b c</w> ab aba', 'ab a, a b', 'ababc', 'aba b c</w>'],
  ['goes by bytes', 'Ã © ©</w> Ã©</w>', 'Ã ©</w>', 'éé', 'Ã © Ã©</w>'],
  ['names unprintable bytes from U+0100 on', 'Ā Ń Ń</w>', '', '\u0000\u00ad', 'Ā ? Ń</w>'],
  ['gives the unknown id for each unknown byte', 'a</w>', '', 'xya', '? ? a</w>'],
])('%s', (_, symbols, merges, word, expected) => {
  expect(encodingOf(symbols, merges)(word)).toBe(expected);
});

test('refuses merges that the vocabulary lacks', () => {
  expect(() => encodingOf('a b', 'a b')).toThrow(InputError);
  expect(() => encodingOf('a b', 'a b')).toThrow(/the merge "a b" speaks of symbols/);
});
