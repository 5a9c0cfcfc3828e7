/** Every golden scheduler case: what diffusers computes, at the tolerances of the golden data's README. */
import { readdirSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { runSchedulerCase } from '../../golden/schedulers.js';

const FIXTURES = 'test/fixtures/schedulers';

describe('golden schedulers', () => {
  it.each(readdirSync(FIXTURES))('%s', async (name) => {
    const checks = await runSchedulerCase(`${FIXTURES}/${name}`);
    expect(checks.length).toBeGreaterThanOrEqual(5);
    expect(checks.filter(({ error, tolerance }) => !(error <= tolerance))).toEqual([]);
  });
});
