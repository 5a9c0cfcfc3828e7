/** Metrics against the numbers of the PyTorch and NumPy references. */
import { expect, it } from 'vitest';
import { outcomeOf } from '../../golden/kinds.js';

it.each([
  'metrics/fid/usual',
  'metrics/fid/singular',
  'metrics/fid/identical',
  'metrics/fid/shifted',
  'metrics/inception',
  'metrics/vlhi',
  'analysis/96x64',
  'analysis/128x128',
  'analysis/exponential-fit',
])('%s', { timeout: 60_000 }, async (kind) => {
  const run = outcomeOf(kind);
  if (typeof run === 'string') throw new Error(run);
  const checks = await run(`test/fixtures/${kind}`);
  expect(checks.length).toBeGreaterThan(0);
  expect(checks.filter(({ error, tolerance }) => !(error <= tolerance))).toEqual([]);
});
