/** Learned tokens: a token with the rows of words says what the words say. */
import { describe, expect, it, onTestFinished } from 'vitest';
import { type LearnedToken, rowsOfWord, StableDiffusion } from '../../src/models/index.js';
import { concatenate, tensor } from '../../src/tensor/index.js';

const [SD15, SDXL] = ['test/fixtures/pipeline/sd15', 'test/fixtures/pipeline/sdxl'];

async function load(folder: string, ...learnedTokens: LearnedToken[]): Promise<StableDiffusion> {
  const sd = await StableDiffusion.load(folder, { learnedTokens, threads: 1 });
  onTestFinished(() => sd.dispose());
  return sd;
}

/** A token of several words, which have one token each. */
async function tokenOf(folder: string, token: string, ...words: string[]): Promise<LearnedToken> {
  const { textEncoders } = await load(folder);
  return {
    token,
    rows: textEncoders.map((encoder) => concatenate(words.map((word) => rowsOfWord(encoder, word, 1)))),
  };
}

describe.each([SD15, SDXL])('%s', (folder) => {
  it('has the states of the words whose rows a token has', async () => {
    const [base, one, two] = await Promise.all([
      load(folder),
      load(folder, await tokenOf(folder, '<x>', 'of')),
      load(folder, await tokenOf(folder, '<y>', 'a'), await tokenOf(folder, '<x>', 'of', 'the')),
    ]);
    const states = await base.encodePrompts(['a photo of the sea']);
    expect(await one.encodePrompts(['a photo <x> the sea'])).toEqual(states);
    expect(await two.encodePrompts(['<y> photo <X> sea'])).toEqual(states);
    expect(await one.encodePrompts(['a photo of the sea'])).toEqual(states);
  });

  it('refuses tokens of other models', async () => {
    const rows = [tensor([1, 3], new Float32Array(3))];
    await expect(load(folder, { token: '<x>', rows: [] })).rejects.toThrow(/another kind/);
    const count = (await load(folder)).textEncoders.length;
    const narrow = { token: '<x>', rows: new Array(count).fill(rows[0]!) };
    await expect(load(folder, narrow)).rejects.toThrow(/"<x>" have 3 values, those of the text_encoder \d+/);
  });
});

it('begins as a word of one token', async () => {
  const [encoder] = (await load(SD15)).textEncoders;
  expect(rowsOfWord(encoder!, 'of', 2).shape[0]).toBe(2);
  expect(() => rowsOfWord(encoder!, 'two words', 1)).toThrow(/a word of one token .* "two words" has \d/);
});
