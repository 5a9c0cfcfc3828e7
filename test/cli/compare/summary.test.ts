/** The table of a comparison: means and spreads over seeds, VLHI within each set. */
import { expect, it } from 'vitest';
import type { CellResult } from '../../../src/cli/compare/cell.js';
import type { Experiment } from '../../../src/cli/compare/experiment.js';
import { summarize } from '../../../src/cli/compare/summary.js';
import { markdown } from '../../../src/cli/compare/table.js';

const experiment = {
  title: 'Two methods',
  about: '',
  metrics: ['held-out loss', 'FID'],
  index: ['held-out loss', 'FID'],
} as unknown as Experiment;

function cell(row: string, seed: number, loss: number, fid: number): CellResult {
  return {
    place: { set: 'flat', row, size: 0.0233, varied: {}, scale: 1 },
    ...{ seed, trained: 1000, secondsPerStep: 0.25, trainings: [], pictures: '' },
    measurements: [
      { name: 'held-out loss', value: loss, better: 'lower', details: {} },
      { name: 'FID', value: fid, better: 'lower', details: {} },
    ],
  };
}

const results = [cell('a', 0, 1, 10), cell('b', 0, 4, 20), cell('a', 1, 3, 12), cell('b', 1, 4, 20)];

it('joins the seeds of a method, and the metrics of a set', () => {
  const [a, b] = summarize(experiment, results);
  expect(a).toMatchObject({
    seeds: 2,
    metrics: { 'held-out loss': { mean: 2, spread: Math.SQRT2 } },
    index: 2,
  });
  expect(b).toMatchObject({ metrics: { FID: { mean: 20, spread: 0 } }, index: 0 });
});

it('writes them as Markdown', () => {
  expect(markdown(experiment, summarize(experiment, results), new Map())).toBe(`# Two methods

| set | method | size | trained | seeds | held-out loss ↓ | FID ↓ | VLHI ↑ | s / step |
| --- | --- | --- | --- | --- | --- | --- | --- | --- |
| flat | a | 2.33 % | 1,000 | 2 | 2.000 ± 1.4 | 11.00 ± 1.4 | 2.00 | 0.25 |
| flat | b | 2.33 % | 1,000 | 2 | 4.000 ± 0.0 | 20.00 ± 0.0 | 0.00 | 0.25 |

VLHI joins held-out loss and FID within all rows of a set and says nothing outside that group.
`);
});
