/** The golden cases metrics/noun-phrases: chunks marked by hand, and the questions that given chunks lead to. */
import { bvqaQuestions, nounChunks } from '../src/metrics/index.js';
import { readDescription } from './case.js';
import { type Check, mismatches } from './check.js';

interface Prompt {
  prompt: string;
  chunks: string[];
  starts: number[];
  questions: string[];
}

/** Shares that may be missing: of F1 over all chunks, and of prompts that are right in every chunk. */
const TOLERANCE = { f1: 0.05, prompts: 0.2 };

export async function runNounPhrasesCase(folder: string): Promise<Check[]> {
  const { prompts } = await readDescription<{ prompts: Prompt[] }>(folder);
  const { f1, right } = chunkAgreement(prompts);
  const questions = prompts.flatMap(({ chunks }) => bvqaQuestions(chunks));
  const expected = prompts.flatMap((prompt) => prompt.questions);
  return [
    { quantity: 'chunks, 1 − F1', error: 1 - f1, tolerance: TOLERANCE.f1 },
    { quantity: 'prompts with a wrong chunk, share', error: 1 - right, tolerance: TOLERANCE.prompts },
    { quantity: 'questions of the marked chunks', error: mismatches(questions, expected), tolerance: 0 },
  ];
}

/** How well chunks found in prompts agree with marked ones: F1 over all, and the share of prompts without a difference. */
export function chunkAgreement(prompts: readonly Pick<Prompt, 'prompt' | 'chunks' | 'starts'>[]): {
  f1: number;
  right: number;
} {
  let [hits, found, marked, right] = [0, 0, 0, 0];
  for (const { prompt, chunks, starts } of prompts) {
    const expected = new Set(chunks.map((text, i) => `${starts[i]} ${text}`));
    const got = nounChunks(prompt).map(({ text, start }) => `${start} ${text}`);
    const agreeing = got.filter((chunk) => expected.has(chunk)).length;
    hits += agreeing;
    found += got.length;
    marked += expected.size;
    if (agreeing === expected.size && agreeing === got.length) right++;
  }
  return { f1: (2 * hits) / (found + marked), right: right / prompts.length };
}
