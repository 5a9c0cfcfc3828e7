/** `sara evaluate` as a process, with small models and made-up Inception weights. */
import { readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it, vi } from 'vitest';
import { evaluateSchema, taskSettings } from '../../src/cli/evaluate-settings.js';
import { UsageError } from '../../src/errors.js';
import { blipFolder } from '../support/blip-folder.js';
import { sara } from '../support/cli.js';
import { writeInception } from '../support/inception.js';
import { temporaryFolder } from '../support/temporary.js';
import { drawPictures, writeTinyModel } from '../support/tiny-model.js';

vi.setConfig({ testTimeout: 300_000 });

const CLIP = 'test/fixtures/metrics/clip-score';

interface Measurement {
  name: string;
  model?: string;
  value: number;
  details: Record<string, number>;
}

it('measures FID and KID, and keeps features under the content that they depend on', async () => {
  const folder = await temporaryFolder();
  const path = (name: string) => join(folder, name);
  await writeInception(path('inception.safetensors'));
  await drawPictures(path('real'), 6);
  await drawPictures(path('generated'), 4);
  const evaluate = (...args: string[]) =>
    sara([
      'evaluate',
      '--real',
      path('real'),
      '--inception',
      path('inception.safetensors'),
      '--cache',
      path('cache'),
      ...args,
    ]);

  const found = await evaluate('--generated', path('generated'), '--json');
  expect(found).toMatchObject({ code: 0, stderr: '' });
  const { measurements, ...about } = JSON.parse(found.stdout);
  expect(about).toEqual({
    folders: { real: path('real'), generated: path('generated') },
    pictures: { real: 6, generated: 4 },
    models: { inception: path('inception.safetensors'), resize: 'none' },
    leftOut: [],
  });
  const [fid, kid] = measurements as Measurement[];
  expect(fid).toMatchObject({ name: 'FID', details: { real: 6, generated: 4 } });
  expect(fid!.value).toBeGreaterThan(0);
  expect(fid!.value).toBeLessThan(1e6);
  expect(kid).toMatchObject({ name: 'KID', details: { subsets: 100, 'subset size': 4 } });
  expect(await readdir(path('cache'))).toHaveLength(2);

  const written = (await stat(path('cache'))).mtimeMs;
  const again = await evaluate('--generated', path('generated'), '--json');
  expect(again.stdout).toBe(found.stdout);
  expect((await stat(path('cache'))).mtimeMs).toBe(written);

  const same = await evaluate('--generated', path('real'));
  expect(same.code).toBe(0);
  expect(same.stdout).toMatch(/^FID +-?\d[\d.e-]* +lower is better, real 6, generated 6$/m);
  expect(await readdir(path('cache'))).toHaveLength(2);

  await evaluate('--generated', path('real'), '--resize', 'official', '--json');
  expect(await readdir(path('cache'))).toHaveLength(3);
});

it('draws what it measures, once', async () => {
  const folder = await temporaryFolder();
  const path = (name: string) => join(folder, name);
  await writeTinyModel(path('model'));
  await drawPictures(path('real'), 2);
  const blip = await blipFolder('bvqa');
  const evaluate = (...args: string[]) =>
    sara([
      ...['evaluate', '--real', path('real'), '--clip', CLIP, '--blip', blip, '--cache', path('cache')],
      ...['--model', path('model'), '--out', path('drawn'), '--suffix', ', oil', '--count', '2'],
      ...['--threads', '1', ...args],
    ]);
  const first = await evaluate('--steps', '2', '--json');
  expect(first).toMatchObject({ code: 0, stderr: '' });
  const { pictures, measurements, drawing, leftOut } = JSON.parse(first.stdout);
  expect(pictures).toEqual({ real: 2, generated: 4 });
  expect(measurements.map(({ name, model }: Measurement) => `${name}, ${model}`)).toEqual([
    'CLIP score, clip-score',
    'CLIP-T, clip-score',
    'CLIP-I, clip-score',
    'CLIP Fréchet distance, clip-score',
    'CLIP kernel distance, clip-score',
    expect.stringMatching(/^B-VQA, blip-/),
  ]);
  expect(leftOut).toEqual([]);
  expect(drawing).toMatchObject({ steps: 2, guidance: 7.5, seed: 0, count: 2, adapters: [] });
  const captions = (await readFile(path('drawn/metadata.jsonl'), 'utf8')).trimEnd().split('\n');
  expect(captions.map((line) => JSON.parse(line))).toEqual(
    ['0001', '0002', '0003', '0004'].map((name, i) => ({
      file_name: `${name}.png`,
      text: drawing.prompts[i % 2],
    })),
  );
  expect(drawing.prompts[0]).toMatch(/, oil$/);

  // As a run leaves it that was stopped before the third picture.
  const third = await readFile(path('drawn/0003.png'));
  expect(third.equals(await readFile(path('drawn/0001.png')))).toBe(false);
  const [kept, gone] = [path('drawn/0001.png'), ['0003.png', '0004.png', 'metadata.jsonl']];
  const written = (await stat(kept)).mtimeMs;
  for (const name of gone) await rm(path(`drawn/${name}`));
  const again = await evaluate('--steps', '2', '--json');
  expect(again.stdout).toBe(first.stdout);
  expect((await readFile(path('drawn/0003.png'))).equals(third)).toBe(true);
  expect((await stat(kept)).mtimeMs).toBe(written);

  expect(await evaluate('--steps', '3', '--seed', '1')).toMatchObject({
    code: 1,
    stderr: expect.stringMatching(/drawn holds pictures of other steps, seed; name another folder/),
  });
  const vae = path('model/vae/diffusion_pytorch_model.safetensors');
  const bytes = await readFile(vae);
  bytes[bytes.length - 1]! ^= 0x80;
  await writeFile(vae, bytes);
  expect(await evaluate('--steps', '2')).toMatchObject({
    code: 1,
    stderr: expect.stringMatching(/drawn holds pictures of other model; name another folder/),
  });
  const others = await evaluate('--out', path('real'));
  expect(others).toMatchObject({ code: 1, stderr: expect.stringMatching(/expected a new folder/) });

  const generated = ['evaluate', '--generated', path('drawn'), '--clip', CLIP, '--cache', path('cache')];
  const captioned = await sara(generated);
  expect(captioned).toMatchObject({
    code: 0,
    stderr: expect.stringMatching(/^left out: CLIP-I needs real pictures, and there are none$/m),
    stdout: expect.stringMatching(/^CLIP score \(clip-score\) +-?[\d.]+ {2}higher is better, generated 4$/m),
  });
  await rm(path('drawn/metadata.jsonl'));
  expect(await sara(generated)).toMatchObject({
    code: 1,
    stderr: expect.stringMatching(/CLIP score, CLIP-T need captions of all generated pictures, and 4 of 4/),
  });
});

it('draws the prompts of a file, without real pictures', async () => {
  const folder = await temporaryFolder();
  const path = (name: string) => join(folder, name);
  await writeTinyModel(path('model'));
  await writeFile(path('prompts.txt'), 'a red boat\n');
  const args = ['evaluate', '--clip', CLIP, '--model', path('model'), '--prompts', path('prompts.txt')];
  const found = await sara([...args, '--out', path('drawn'), '--steps', '1', '--size', '16', '--json']);
  expect(found.code).toBe(0);
  const { measurements, folders, drawing } = JSON.parse(found.stdout);
  expect(measurements.map(({ name }: Measurement) => name)).toEqual(['CLIP score', 'CLIP-T']);
  expect(folders).toEqual({ generated: path('drawn') });
  expect(drawing).toMatchObject({ prompts: ['a red boat'], size: { width: 16, height: 16 } });
});

it('refuses what it cannot measure', async () => {
  const folder = await temporaryFolder();
  await drawPictures(join(folder, 'real'), 2);
  const args = ['evaluate', '--real', join(folder, 'real'), '--generated', join(folder, 'real')];
  expect(await sara(args)).toMatchObject({ code: 2, stderr: expect.stringMatching(/needs what measures/) });
  await writeFile(join(folder, 'other.pth'), 'no weights');
  expect(await sara([...args, '--inception', join(folder, 'other.pth')])).toMatchObject({
    code: 1,
    stderr: expect.stringMatching(/other\.pth/),
  });
});

it.each([
  [{ generated: 'a', inception: 'x.pth' }, /compare with real pictures/],
  [{ real: 'a', clip: CLIP }, /--generated <folder>, or --model/],
  [{ generated: 'a', clip: CLIP, steps: '5' }, /--steps is for pictures that are drawn/],
  [{ generated: 'a', clip: CLIP, adapter: 'x' }, /--adapter is for pictures that are drawn/],
  [{ generated: 'a', clip: CLIP, model: 'x' }, /give one of the two/],
  [{ model: 'x', real: 'a', clip: CLIP }, /add --out/],
  [{ model: 'x', out: 'a', clip: CLIP }, /something to draw: --prompts/],
])('refuses %j', async (flags, message) => {
  const attempt = taskSettings(evaluateSchema.parse(flags));
  await expect(attempt).rejects.toThrow(UsageError);
  await expect(attempt).rejects.toThrow(message);
});
