/** The cells of a comparison: what varies, what is merged, what is shared, and the names of subjects. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { stringify } from 'yaml';
import { promptsOf } from '../../../src/cli/compare/drawing.js';
import { readExperiment } from '../../../src/cli/compare/experiment.js';
import { cellsOf, combinations, nameOf } from '../../../src/cli/compare/grid.js';
import { temporaryFolder } from '../../support/temporary.js';

const BASE = {
  title: 'Grid',
  model: 'models/emoji',
  sets: [
    { name: 'a', data: 'data/a', class: 'cat', prompts: ['a {subject} face', 'a {class} and a {subject}'] },
    { name: 'b', data: 'data/b', suffix: ', flat style' },
  ],
  rows: [
    { name: 'base' },
    { name: 'SaRA', settings: { method: 'sara' }, scales: [0.6, 1] },
    { name: 'both', settings: { method: 'sara' }, merged: true, sized: false, vary: { steps: [5, 6] } },
    {
      name: 'DreamBooth',
      subject: 'sks {class}',
      settings: { method: 'lora', 'instance-prompt': 'a {subject}', 'class-prompt': 'a {class}' },
    },
  ],
  sizes: [0.01, 0.02],
  vary: { 'learning-rate': [1e-4, 1e-3], steps: [5] },
  seeds: [0, 1],
  metrics: ['held-out loss'],
};

async function read(changes: object = {}) {
  const path = join(await temporaryFolder(), 'grid.yaml');
  await writeFile(path, stringify({ ...BASE, ...changes }));
  return readExperiment(path, false);
}

it('runs every combination of what varies', () => {
  expect(combinations({ a: [1, 2], b: [3, 4] })).toEqual([
    { a: 1, b: 3 },
    { a: 1, b: 4 },
    { a: 2, b: 3 },
    { a: 2, b: 4 },
  ]);
  expect(combinations({})).toEqual([{}]);
});

it('has a cell for each seed, set, row, size, combination and scale', async () => {
  const cells = cellsOf(await read(), 1000);
  // 2 seeds · 2 sets · 2 rates · (base: 2 sizes, SaRA: 2 sizes at 2 scales, both: 2 numbers of steps, DreamBooth: 2 sizes)
  expect(cells).toHaveLength(2 * 2 * 2 * (2 + 4 + 2 + 2));
  const of = (row: string, set: string) =>
    cells.filter(({ place }) => place.row === row && place.set === set);
  expect(of('base', 'a')[0]!.trainings).toEqual([]);
  const [weak, whole] = of('SaRA', 'a');
  expect(weak!.trainings).toEqual(whole!.trainings);
  expect(nameOf(weak!)).toBe('a, SaRA, 1 %, learning-rate 0.0001, steps 5, scale 0.6, seed 0');
  expect(weak!.trainings[0]!.config).toMatchObject({ params: 10, learningRate: 1e-4, steps: 5, seed: 0 });
  const merged = of('both', 'b')[0]!.trainings;
  expect(merged.map(({ config }) => config.data)).toEqual(['data/b', 'data/a']);
  expect(merged[1]!.id).toBe(of('both', 'a')[0]!.trainings[0]!.id);
  expect(new Set(cells.flatMap(({ trainings }) => trainings.map(({ id }) => id))).size).toBe(48);
});

it('calls the subject what the row calls it in settings and prompts, and what it is where it is measured', async () => {
  const experiment = await read();
  const cell = cellsOf(experiment, 1000).find(({ row }) => row.name === 'DreamBooth')!;
  expect(cell.trainings[0]!.config).toMatchObject({ instancePrompt: 'a sks cat', classPrompt: 'a cat' });
  expect(await promptsOf(cell.set, cell.row, experiment.drawing)).toEqual([
    { prompt: 'a sks cat face', caption: 'a cat face' },
    { prompt: 'a cat and a sks cat', caption: 'a cat and a cat' },
  ]);
});
