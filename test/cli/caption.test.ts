/** `sara caption` as a process: it adds what is missing, changes nothing that is there, and goes on after a stop. */
import { cp, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it, vi } from 'vitest';
import { writePng } from '../../src/formats/index.js';
import { blipFolder } from '../support/blip-folder.js';
import { sara } from '../support/cli.js';
import { temporaryFolder } from '../support/temporary.js';

vi.setConfig({ testTimeout: 120_000 });

const picture = (value: number) => ({
  width: 40,
  height: 30,
  data: Uint8Array.from({ length: 3600 }, (_, i) => (i * value) % 256),
});

/** Three pictures, one with a caption in metadata.jsonl and one with a text file beside it. */
async function photos(): Promise<string> {
  const folder = await temporaryFolder();
  for (const [name, value] of Object.entries({ a: 1, b: 7, c: 31 }))
    await writePng(join(folder, `${name}.png`), picture(value));
  // Without a line end, as editors leave it.
  await writeFile(join(folder, 'metadata.jsonl'), '{"file_name":"a.png","text":"mine"}');
  await writeFile(join(folder, 'b.txt'), 'also mine\n');
  return folder;
}

it('captions what has no caption, once', async () => {
  const [folder, model] = [await photos(), await blipFolder('blip-caption')];
  const first = await sara([
    'caption',
    folder,
    '--model',
    model,
    '--prompt',
    'w5',
    '--new-tokens',
    '4',
    '--json',
  ]);
  expect(first).toMatchObject({ code: 0 });
  const { status, captions, broken } = JSON.parse(first.stdout);
  expect({ status, broken }).toEqual({ status: 'finished', broken: [] });
  expect(captions).toEqual([{ file_name: 'c.png', text: expect.stringMatching(/^w5( w\d+)*$/) }]);
  const text = await readFile(join(folder, 'metadata.jsonl'), 'utf8');
  expect(text).toBe(`{"file_name":"a.png","text":"mine"}\n${JSON.stringify(captions[0])}\n`);

  await cp(join(folder, 'c.png'), join(folder, 'd.png'));
  const second = await sara(['caption', folder, '--model', model]);
  expect(second).toMatchObject({
    code: 0,
    stdout: expect.stringMatching(/metadata.jsonl: 1 caption added\n$/),
  });
  expect(await readFile(join(folder, 'metadata.jsonl'), 'utf8')).toMatch(/"c.png".*\n.*"d.png"/);

  const third = await sara(['caption', folder, '--model', model]);
  expect(third).toMatchObject({ code: 0, stdout: expect.stringMatching(/: 0 captions added\n$/) });
});

it('tells of pictures that cannot be read, and captions the others', async () => {
  const [folder, model] = [await photos(), await blipFolder('blip-caption')];
  await writeFile(join(folder, 'broken.png'), 'no picture');
  const outcome = await sara(['caption', folder, '--model', model]);
  expect(outcome).toMatchObject({
    code: 1,
    stderr: expect.stringMatching(/expected a whole picture in .*broken.png/),
  });
  expect(await readFile(join(folder, 'metadata.jsonl'), 'utf8')).toMatch(/"c.png"/);
});

it('refuses a folder that is no BLIP in one sentence', async () => {
  const outcome = await sara(['caption', await photos(), '--model', 'models/emoji']);
  expect(outcome).toMatchObject({
    code: 1,
    stdout: '',
    stderr: expect.stringMatching(/^sara: .*preprocessor_config.json/),
  });
});
