/** SaRA, its scaling and merging, teaching a subject, and training steps against the numbers of the PyTorch references. */
import { expect, it } from 'vitest';
import { outcomeOf } from '../../golden/kinds.js';

it.each([
  'sara/base',
  'sara/steps/common',
  'sara/steps/plain',
  'sara/steps/both-clip',
  'sara/scale-merge',
  'peft/textual-inversion',
  'peft/dreambooth',
  ...['peft/full', 'peft/largest', 'peft/random', 'peft/lt-sft', 'peft/fishmask'],
  'peft/diffpruning/structured',
  ...['peft/lora/attention', 'peft/dora/attention-conv', 'peft/adaptformer'],
  'training/sd15-step',
  'training/sdxl-step',
  'training/sd15-adamw',
])('%s', { timeout: 240_000 }, async (kind) => {
  const run = outcomeOf(kind);
  if (typeof run === 'string') throw new Error(run);
  const checks = await run(`test/fixtures/${kind}`);
  expect(checks.length).toBeGreaterThan(1);
  expect(checks.filter(({ error, tolerance }) => !(error <= tolerance))).toEqual([]);
});
