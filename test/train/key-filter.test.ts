import { expect, it } from 'vitest';
import { InputError } from '../../src/errors.js';
import { keyFilter } from '../../src/train/key-filter.js';

const KEYS = ['conv_in.weight', 'down_blocks.0.attn2.to_k.weight', 'mid_block.attn2.to_q.weight'];

it.each([
  [[], KEYS],
  [['*attn2*'], KEYS.slice(1)],
  [
    ['conv_in.weight', 'mid_block.*'],
    [KEYS[0], KEYS[2]],
  ],
  [['/to_[kv]\\./'], [KEYS[1]]],
])('%j', (patterns, chosen) => {
  expect(KEYS.filter(keyFilter(patterns, KEYS))).toEqual(chosen);
});

it('takes a dot for a dot', () => {
  expect(() => keyFilter(['conv_in_weight', 'conv*in.weight.'], KEYS)).toThrow(InputError);
});

it('refuses patterns that fit nothing or cannot be read', () => {
  expect(() => keyFilter(['attn'], KEYS)).toThrow(/no weight has a key like attn; .*--layers/);
  expect(() => keyFilter(['/(/'], KEYS)).toThrow(/cannot read the pattern \/\(\//);
});
