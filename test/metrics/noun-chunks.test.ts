/** Noun chunks against prompts marked by hand: the golden ones, and 123 of our own in noun-phrases.txt. */
import { readFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { chunkAgreement, runNounPhrasesCase } from '../../golden/noun-phrases.js';
import { bvqaQuestions, nounChunks } from '../../src/metrics/index.js';

const chunksOf = (prompt: string) => nounChunks(prompt).map(({ text }) => text);

it('agrees with the golden prompts', async () => {
  const checks = await runNounPhrasesCase('test/fixtures/metrics/noun-phrases');
  expect(checks.filter(({ error, tolerance }) => !(error <= tolerance))).toEqual([]);
});

/** "[a dog] on [a mat]": the text without brackets, and what stood in them. */
function unmarked(line: string) {
  const [chunks, starts]: [string[], number[]] = [[], []];
  let prompt = '';
  for (const piece of line.split(/(\[[^\]]*\])/)) {
    const chunk = piece.startsWith('[') ? piece.slice(1, -1) : undefined;
    if (chunk !== undefined) {
      chunks.push(chunk);
      starts.push(prompt.length);
    }
    prompt += chunk ?? piece;
  }
  return { prompt, chunks, starts };
}

it('agrees with prompts of our own', async () => {
  const lines = (await readFile('test/fixtures/metrics/noun-phrases.txt', 'utf8')).trim().split('\n');
  const { f1, right } = chunkAgreement(lines.map(unmarked));
  expect(f1).toBeGreaterThan(0.97);
  expect(right).toBeGreaterThan(0.95);
});

describe('rules', () => {
  it.each([
    ['a bowl of plums', ['a bowl', 'plums']],
    ["the baker's old dog", ["the baker's old dog"]],
    ['a black and white photograph', ['a black and white photograph']],
    ['a big, red balloon', ['a big, red balloon']],
    ['cats and dogs', ['cats', 'dogs']],
    ['a greenhouse full of flowers', ['a greenhouse', 'flowers']],
    ['a chair in front of the house', ['a chair', 'the house']],
    ['a fox who is sleeping', ['a fox', 'who']],
    ['a well-known 19th-century painting', ['a well-known 19th-century painting']],
    ['', []],
    ['...', []],
  ])('%s', (prompt, chunks) => {
    expect(chunksOf(prompt)).toEqual(chunks);
  });
});

describe('questions', () => {
  it('are asked of at most eight chunks, places left out', () => {
    const chunks = ['top', 'The "Old" Dog!', 'the left', ...Array.from({ length: 9 }, (_, i) => `cat #${i}`)];
    const questions = bvqaQuestions(chunks);
    expect(questions).toHaveLength(8);
    expect(questions.slice(0, 2)).toEqual(['the old dog?', 'cat 0?']);
  });
});
