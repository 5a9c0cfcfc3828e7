/** Teaching a subject, as a process: DreamBooth. */
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeAll, describe, expect, it, vi } from 'vitest';
import { sara } from '../support/cli.js';
import { temporaryFolder } from '../support/temporary.js';
import { drawPictures, writeTinyModel } from '../support/tiny-model.js';

vi.setConfig({ testTimeout: 300_000 });

let model: string;
let data: string;

beforeAll(async () => {
  const shared = await mkdtemp(join(tmpdir(), 'sara-cli-subjects-'));
  model = join(shared, 'model');
  data = join(shared, 'data');
  await writeTinyModel(model);
  await drawPictures(data, 3);
  for (let i = 0; i < 3; i++) await rm(join(data, `${i}.txt`));
  return () => rm(shared, { recursive: true });
});

const train = (...more: string[]) =>
  sara([
    'train',
    '--model',
    model,
    '--data',
    data,
    '--steps',
    '4',
    '--batch',
    '1',
    '--threads',
    '1',
    ...more,
  ]);

describe('sara train --class-prompt', () => {
  const subject = ['--instance-prompt', 'a photo of sks cat', '--threshold', '5e-2'];
  const prior = (folder: string) => [
    ...['--class-prompt', 'a photo of a cat', '--class-data', folder, '--class-images', '2'],
  ];

  it('draws the class pictures that are missing, and ends the same wherever it was interrupted', async () => {
    const [first, second] = [await temporaryFolder(), await temporaryFolder()];
    const pictures = async (folder: string) => {
      const names = (await readdir(join(folder, 'class'))).sort();
      return Promise.all(names.map(async (name) => [name, await readFile(join(folder, 'class', name))]));
    };
    const run = (folder: string, ...more: string[]) =>
      train('--out', join(folder, 'run'), ...subject, ...prior(join(folder, 'class')), ...more);
    const whole = await run(first);
    expect(whole).toMatchObject({ code: 0, stderr: expect.stringContaining('class pictures 2/2') });
    expect((await pictures(first)).map(([name]) => name)).toEqual(['class-0000.png', 'class-0001.png']);

    const stopped = await sara(
      [
        ...['train', '--model', model, '--data', data, '--steps', '4', '--batch', '1', '--threads', '1'],
        ...['--out', join(second, 'run'), ...subject, ...prior(join(second, 'class')), '--json'],
      ],
      (line, child) => {
        if (line.includes('"class picture"')) child.kill('SIGKILL');
      },
    );
    expect(stopped.signal).toBe('SIGKILL');
    expect((await run(second)).code).toBe(0);
    expect(await pictures(second)).toEqual(await pictures(first));
    const adapter = (folder: string) => readFile(join(folder, 'run', 'adapter.safetensors'));
    expect(await adapter(second)).toEqual(await adapter(first));
  });

  it('takes pictures that are there, with full fine-tuning too', async () => {
    const folder = await temporaryFolder();
    await drawPictures(join(folder, 'class'), 3);
    const before = await readdir(join(folder, 'class'));
    const full = [
      '--method',
      'full',
      '--instance-prompt',
      'a photo of sks cat',
      '--out',
      join(folder, 'run'),
    ];
    expect((await train(...full, ...prior(join(folder, 'class')))).code).toBe(0);
    expect(await readdir(join(folder, 'class'))).toEqual(before);
  });

  it('is refused without a folder, and pictures without captions without a prompt', async () => {
    const out = ['--out', join(await temporaryFolder(), 'run')];
    expect(await train(...out, ...subject, '--class-prompt', 'a cat')).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(
        /needs both a class prompt and a folder .* only --class-prompt; give both/,
      ),
    });
    expect(await train(...out)).toMatchObject({ code: 1, stderr: expect.stringMatching(/caption/) });
  });
});
