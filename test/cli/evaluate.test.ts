/** `sara evaluate` as a process, with made-up Inception weights. */
import { readdir, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it, vi } from 'vitest';
import { sara } from '../support/cli.js';
import { writeInception } from '../support/inception.js';
import { temporaryFolder } from '../support/temporary.js';
import { drawPictures } from '../support/tiny-model.js';

vi.setConfig({ testTimeout: 300_000 });

interface Measurement {
  name: string;
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
  const [fid, kid] = JSON.parse(found.stdout) as Measurement[];
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
