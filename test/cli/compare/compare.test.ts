/** `sara compare` as a process: a small grid, going on, and files that cannot be used. */
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it, vi } from 'vitest';
import { stringify } from 'yaml';
import { readExperiment } from '../../../src/cli/compare/experiment.js';
import { sara } from '../../support/cli.js';
import { temporaryFolder } from '../../support/temporary.js';
import { drawPictures, writeTinyModel } from '../../support/tiny-model.js';

vi.setConfig({ testTimeout: 300_000 });

const FILES = (await readdir('experiments')).filter((name) => name.endsWith('.yaml'));

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
  const cells = await readdir(path('out/cells'));
  expect(cells).toHaveLength(2);
  const file = path(`out/cells/${cells.find((name) => name.includes('SaRA'))}/result.json`);
  const first = await readFile(file, 'utf8');
  expect(JSON.parse(first)).toMatchObject({
    seed: 0,
    configuration: { training: { method: 'sara', steps: 2 } },
  });

  const whole = await run('--json');
  expect(whole.code).toBe(0);
  expect(await readdir(path('out/cells'))).toHaveLength(4);
  expect(await readFile(file, 'utf8')).toBe(first);
  const { rows } = JSON.parse(await readFile(path('out/results.json'), 'utf8'));
  expect(rows).toHaveLength(2);
  expect(rows[0]).toMatchObject({ seeds: 2, metrics: { 'held-out loss': { mean: expect.any(Number) } } });
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
  expect(quick.seeds.length).toBeLessThan(whole.seeds.length);
});
