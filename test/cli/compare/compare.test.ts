/** `sara compare` as a process: a small grid, going on, and files that cannot be used. */
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it, vi } from 'vitest';
import { stringify } from 'yaml';
import { readExperiment } from '../../../src/cli/compare/experiment.js';
import { readImage } from '../../../src/formats/index.js';
import { sara } from '../../support/cli.js';
import { temporaryFolder } from '../../support/temporary.js';
import { drawPictures, writeTinyModel } from '../../support/tiny-model.js';

vi.setConfig({ testTimeout: 300_000 });

const FILES = (await readdir('experiments')).filter((name) => name.endsWith('.yaml'));
const RESULTS = (await readdir('experiments/results')).filter((name) => name.endsWith('.json'));

async function prepare() {
  const folder = await temporaryFolder();
  const path = (name: string) => join(folder, name);
  await writeTinyModel(path('model'));
  await drawPictures(path('data'), 4);
  await drawPictures(path('held-out'), 2);
  const experiment = {
    title: 'Two rows',
    model: path('model'),
    sets: [{ name: 'noise', data: path('data'), 'held-out': path('held-out') }],
    rows: [
      { name: 'SaRA', settings: { method: 'sara', progressive: 'off' } },
      { name: 'Full', sized: false, settings: { method: 'full' } },
    ],
    sizes: [0.2],
    seeds: [0, 1],
    training: { steps: 2, batch: 1, threads: 1 },
    drawing: { prompts: 1, steps: 1 },
    metrics: ['held-out loss'],
    quick: { seeds: [0] },
  };
  const write = (changes: object) => writeFile(path('two.yaml'), stringify({ ...experiment, ...changes }));
  await write({});
  return { path, write };
}

it('runs every cell once, and more of them when the file asks for more', async () => {
  const { path } = await prepare();
  const run = (...args: string[]) => sara(['compare', path('two.yaml'), '--out', path('out'), ...args]);
  const quick = await run('--quick');
  expect(quick.code).toBe(0);
  expect(quick.stdout).toMatch(/\| noise \| SaRA \| 20 % \| [\d,]+ \| 1 \| [\d.]+ \|/);
  expect(quick.stdout).toMatch(/\| noise \| Full \| – \| [\d,]+ \| 1 \|/);
  const trainings = await readdir(path('out/trainings'));
  expect(trainings).toHaveLength(2);
  const file = path(`out/trainings/${trainings.find((name) => name.includes('sara'))}/trained.json`);
  const first = await readFile(file, 'utf8');
  expect(JSON.parse(first)).toMatchObject({ configuration: { seed: 0, method: 'sara', steps: 2 } });

  const whole = await run('--json');
  expect(whole.code).toBe(0);
  expect(await readdir(path('out/trainings'))).toHaveLength(4);
  expect(await readFile(file, 'utf8')).toBe(first);
  const { rows } = JSON.parse(await readFile(path('out/two.json'), 'utf8'));
  expect(rows).toHaveLength(2);
  expect(rows[0]).toMatchObject({ seeds: 2, metrics: { 'held-out loss': { mean: expect.any(Number) } } });
});

it('applies at several strengths and merges what one training learned, beside the base model', async () => {
  const { path, write } = await prepare();
  await drawPictures(path('more'), 3);
  const lossOf = { data: path('more'), 'held-out': path('held-out') };
  await write({
    sets: [
      { name: 'noise', data: path('data'), 'held-out': path('held-out') },
      { name: 'more', ...lossOf },
    ],
    rows: [
      { name: 'base' },
      { name: 'SaRA', settings: { method: 'sara', learningRate: 1e-2 }, scales: [0, 1] },
      { name: 'both', settings: { method: 'sara', learningRate: 1e-2 }, merged: true },
    ],
    seeds: [0],
    quick: undefined,
  });
  const { code, stderr } = await sara(['compare', path('two.yaml'), '--out', path('out'), '--json']);
  expect(stderr).toBe('');
  expect(code).toBe(0);
  expect(await readdir(path('out/trainings'))).toHaveLength(2);
  const sheet = await readImage(path('out/two-noise.png'));
  expect(sheet.width).toBeGreaterThanOrEqual(128);
  expect(sheet.height).toBeGreaterThan(4 * 128); // base, two scales, both
  const { rows } = JSON.parse(await readFile(path('out/two.json'), 'utf8')) as {
    rows: { set: string; row: string; scale: number; metrics: Record<string, { mean: number }> }[];
  };
  const loss = (set: string, row: string, scale = 1) =>
    rows.find((one) => one.set === set && one.row === row && one.scale === scale)!.metrics['held-out loss']!
      .mean;
  for (const set of ['noise', 'more']) expect(loss(set, 'SaRA', 0)).toBe(loss(set, 'base'));
  expect(loss('noise', 'SaRA')).not.toBe(loss('noise', 'base'));
  expect(loss('noise', 'both')).toBeCloseTo(loss('more', 'both'), 6); // Adapters are added in another order.
});

it('refuses what cannot be run', async () => {
  const { path, write } = await prepare();
  const run = () => sara(['compare', path('two.yaml'), '--out', path('out')]);
  await write({ metrics: ['beauty'] });
  expect(await run()).toMatchObject({ code: 1, stderr: expect.stringMatching(/metrics\.0 in .*two\.yaml/) });
  await write({ training: { stops: 3 } });
  expect(await run()).toMatchObject({ code: 1, stderr: expect.stringMatching(/row "SaRA".*stops/) });
  await write({ metrics: ['FID'] });
  expect(await run()).toMatchObject({ code: 1, stderr: expect.stringMatching(/--inception/) });
});

it.each(FILES)('experiments/%s can be read, whole and quick', async (name) => {
  const whole = await readExperiment(`experiments/${name}`, false);
  const quick = await readExperiment(`experiments/${name}`, true);
  expect(Number(quick.training.steps)).toBeLessThan(Number(whole.training.steps));
  expect(quick.drawing.guidance).toBe(whole.drawing.guidance);
});

it.each(RESULTS)('experiments/results/%s came of its experiment as it is', async (name) => {
  const { experiment } = JSON.parse(await readFile(`experiments/results/${name}`, 'utf8'));
  const file = await readExperiment(`experiments/${name.replace(/json$/, 'yaml')}`, false);
  expect(JSON.parse(JSON.stringify(file))).toEqual(experiment);
});
