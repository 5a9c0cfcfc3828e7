import { expect, it } from 'vitest';
import { constantSchedule, cosineSchedule } from '../../src/train/schedule.js';
import { expectAllclose } from '../support/allclose.js';

it('warms up linearly, then follows a cosine to zero', () => {
  const factor = cosineSchedule(10, 2);
  // diffusers: get_cosine_schedule_with_warmup(optimizer, 2, 10), the factors of steps 0 … 10.
  const expected = [
    0, 0.5, 1, 0.9619397662556434, 0.8535533905932737, 0.6913417161825449, 0.5, 0.3086582838174551,
    0.14644660940672627, 0.03806023374435663, 0,
  ];
  expectAllclose(
    Array.from({ length: 11 }, (_, step) => factor(step)),
    expected,
  );
});

it('starts a cosine at the full rate without warm-up', () => {
  expect(cosineSchedule(5)(0)).toBe(1);
});

it('stays constant after the warm-up', () => {
  expect([0, 1, 2, 3, 4, 99].map(constantSchedule(4))).toEqual([0, 0.25, 0.5, 0.75, 1, 1]);
  expect(constantSchedule()(0)).toBe(1);
});
