/** The golden case peft/fishmask: scores over single samples, the entries they choose, and training those. */
import { ChosenEntries } from '../src/peft/chosen-entries.js';
import { SCORES, type Score } from '../src/peft/fishmask/score.js';
import { FisherScores } from '../src/peft/fishmask/search.js';
import { SearchingOptimizer } from '../src/peft/search.js';
import { elementAt, type GoldenTensors } from './case.js';
import type { Check } from './check.js';
import { trainingChecks } from './chosen-entries.js';
import { maskOf, overlappingMask, readMask } from './masks.js';
import { adamwOptions, openPeftCase, type PeftCase, stepsOn } from './peft-case.js';
import { digestChecks } from './summary.js';
import type { TargetBatch } from './target-objective.js';

interface Description {
  K: number;
  losses: number[];
}

export async function runFishMaskCase(folder: string): Promise<Check[]> {
  const opened = await openPeftCase<Description>(folder);
  const { description, golden, unet, keys } = opened;
  const checks: Check[] = [];
  for (const score of SCORES) checks.push(...(await scoreChecks(opened, score)));
  const mask = readMask(golden, 'out.mask.squared', keys);
  const training = new ChosenEntries('fishmask', unet, adamwOptions(description), mask);
  return [...checks, ...(await trainingChecks(opened, training))];
}

async function scoreChecks(opened: PeftCase<Description>, score: Score): Promise<Check[]> {
  const { description, golden, unet, keys } = opened;
  const { K } = description;
  const samples = samplesOf(golden);
  const search = new FisherScores(unet, {}, K, score);
  const options = { targetParameters: K, searchSteps: samples.length };
  const optimizer = new SearchingOptimizer('fishmask', unet, options, () => search);
  await stepsOn(opened, optimizer, samples);
  const name = `out.${score}`;
  const scores = new Map(search.tensors.map(({ key, scores }) => [key, scores]));
  return [
    scoreCheck(name, scores, golden),
    ...digestChecks(name, scores, golden),
    overlappingMask(
      `out.mask.${score}`,
      maskOf(optimizer.tensors),
      readMask(golden, `out.mask.${score}`, keys),
      0.999,
    ),
  ];
}

/** The largest error in units of what is allowed: 1e-4 of the score and 1e-5 of the largest. */
function scoreCheck(name: string, scores: ReadonlyMap<string, Float32Array>, golden: GoldenTensors): Check {
  let largest = 0;
  for (const values of scores.values()) for (const value of values) largest = Math.max(largest, value);
  let error = 0;
  for (const [key, values] of scores) {
    if (!golden.has(`${name}.${key}`)) continue;
    const expected = golden.float32(`${name}.${key}`).data;
    for (let i = 0; i < expected.length; i++) {
      const allowed = 1e-4 * Math.abs(expected[i]!) + 1e-5 * largest;
      error = Math.max(error, Math.abs(values[i]! - expected[i]!) / allowed);
    }
  }
  return { quantity: `${name} in part, of what is allowed`, error, tolerance: 1 };
}

function samplesOf(golden: GoldenTensors): TargetBatch[] {
  const at = (name: string, i: number) => elementAt(golden.get(`in.samples.${name}`), i);
  return Array.from({ length: golden.get('in.samples.latents').shape[0]! }, (_, i) => ({
    latents: at('latents', i),
    timesteps: at('timesteps', i),
    states: at('encoder_hidden_states', i),
    target: at('target', i),
  }));
}
