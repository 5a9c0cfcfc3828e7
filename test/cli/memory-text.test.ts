/** How a run's memory is told. */
import { expect, it } from 'vitest';
import { describeMemory } from '../../src/cli/memory-text.js';

const parts = [
  { name: 'program', bytes: 0.1e9 },
  { name: 'weights', bytes: 3.4e9 },
  { name: 'activations', bytes: 1.5e9 },
];
const estimate = { peak: 5e9, parts, least: 4e9, limit: 16e9, advice: undefined };

it('names the large parts, the largest first', () => {
  expect(describeMemory(estimate)).toBe('takes about 5.0 GB of memory: weights 3.4 GB, activations 1.5 GB');
});

it('says what to do where it does not fit', () => {
  const advice = { flags: '--gradient-checkpointing', peak: 3.9e9 };
  expect(describeMemory({ ...estimate, limit: 4e9, advice })).toMatch(
    /\nthis machine has 4.0 GB, so .*; with --gradient-checkpointing it takes about 3.9 GB$/,
  );
  expect(describeMemory({ ...estimate, limit: 4e9 })).toMatch(/; train fewer weights with --params/);
});
