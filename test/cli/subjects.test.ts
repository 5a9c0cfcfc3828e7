/** Teaching a subject, as a process: DreamBooth and Textual Inversion. */
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeAll, describe, expect, it, vi } from 'vitest';
import { readEmbedding } from '../../src/interop/index.js';
import { rowsOfWord, StableDiffusion } from '../../src/models/index.js';
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

describe('sara train --method textual-inversion', () => {
  const learn = (folder: string, ...more: string[]) => [
    ...['train', '--model', model, '--data', data, '--steps', '6', '--batch', '2', '--threads', '1'],
    ...['--method', 'textual-inversion', '--token', '<my-of>', '--init-word', 'of', '--vectors', '2'],
    ...['--checkpoint-every', '2', '--out', folder, ...more],
  ];
  const result = (folder: string) => readFile(join(folder, 'learned_embeds.safetensors'));

  it('learns rows that "sara generate" draws with, the same wherever it was interrupted', async () => {
    const [whole, killed] = [await temporaryFolder(), await temporaryFolder()];
    const finished = await sara(learn(whole, '--sample-prompt', 'a <my-of>', '--sample-steps', '2'));
    expect(finished).toMatchObject({
      code: 0,
      stdout: `${join(whole, 'learned_embeds.safetensors')}\n`,
      stderr: expect.stringMatching(/training 32 of [\d,]+ weights .*, learning rate 0.00200/),
    });
    expect(await readdir(join(whole, 'samples'))).toHaveLength(2);
    const outcome = await sara(learn(killed, '--json'), (line, child) => {
      if (line.includes('"step":3,"steps"')) child.kill('SIGKILL');
    });
    expect(outcome.signal).toBe('SIGKILL');
    expect((await sara(learn(killed))).stderr).toContain('going on after step 2');
    expect(await result(killed)).toEqual(await result(whole));

    const { token, rows } = await readEmbedding(join(whole, 'learned_embeds.safetensors'));
    const base = await StableDiffusion.load(model);
    const begin = rowsOfWord(base.textEncoders[0]!, 'of', 2);
    expect([token, rows[0]!.shape]).toEqual(['<my-of>', begin.shape]);
    // Six steps of a cosine from 2e-3 move each value by little, and nearly all of them.
    const moved = rows[0]!.data.map((value, i) => Math.abs(value - begin.data[i]!));
    expect(Math.max(...moved)).toBeLessThan(0.012);
    expect(moved.filter((distance) => distance > 1e-4).length).toBeGreaterThan(0.9 * moved.length);

    const draw = (name: string, ...more: string[]) =>
      sara([
        ...['generate', '--model', model, '--prompt', 'a <my-of>', '--steps', '2', '--threads', '1'],
        ...['--out', join(whole, `${name}.png`), ...more],
      ]);
    const file = (name: string) => ['--embedding', join(whole, `${name}.safetensors`)];
    for (const [name, ...more] of [
      ['without'],
      ['a', ...file('learned_embeds')],
      ['b', ...file('embedding')],
    ])
      expect((await draw(name!, ...more)).code).toBe(0);
    const picture = (name: string) => readFile(join(whole, `${name}.png`));
    expect(await picture('a')).not.toEqual(await picture('without'));
    expect(await picture('b')).toEqual(await picture('a'));
  });

  it('is refused without its settings, and for words and captions that do not fit', async () => {
    const out = join(await temporaryFolder(), 'run');
    const refused = async (pattern: RegExp, ...more: string[]) =>
      expect(await sara(learn(out, ...more))).toMatchObject({
        code: 1,
        stderr: expect.stringMatching(pattern),
      });
    await refused(/are for --method textual-inversion, this is full/, '--method', 'full', '--vectors', '1');
    await refused(/a word of one token .* "seven words" has/, '--init-word', 'seven words');
    await refused(/no caption has the token "<my-of>" in it/, '--instance-prompt', 'a cat');
    await refused(/"textual-inversion" does not have this setting/, '--threshold', '1e-2');
    await refused(/leave --train-only out/, '--train-only', '*');
    expect(
      await sara(['train', '--model', model, '--data', data, '--method', 'textual-inversion']),
    ).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/needs the token to learn and a word to begin with/),
    });
  });
});
