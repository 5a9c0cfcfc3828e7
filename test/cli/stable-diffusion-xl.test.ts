/** Stable Diffusion XL as processes: two steps of SaRA with a sample, a picture with the adapter, a look at the weights; no new token. */
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it, vi } from 'vitest';
import { readImage } from '../../src/formats/index.js';
import { sara } from '../support/cli.js';
import { temporaryFolder } from '../support/temporary.js';
import { drawPictures } from '../support/tiny-model.js';

vi.setConfig({ testTimeout: 300_000 });

const MODEL = 'test/fixtures/pipeline/sdxl';

it('trains, draws with the adapter, and counts weights', async () => {
  const folder = await temporaryFolder();
  const path = (name: string) => join(folder, name);
  await drawPictures(path('data'), 2);
  const trained = await sara([
    ...['train', '--model', MODEL, '--data', path('data'), '--out', path('run'), '--threads', '1'],
    ...['--size', '64', '--params', '5000', '--steps', '2', '--batch', '1'],
    ...['--sample-prompt', 'a fox', '--sample-every', '2', '--sample-steps', '1'],
  ]);
  const adapter = join(path('run'), 'adapter.safetensors');
  expect(trained).toMatchObject({ code: 0, stdout: `${adapter}\n` });
  expect(await readdir(join(path('run'), 'samples'))).toHaveLength(2);

  const draw = ['generate', '--model', MODEL, '--prompt', 'a fox', '--steps', '2', '--threads', '1'];
  const drawn = await sara([...draw, '--size', '64x96', '--adapter', adapter, '--out', path('a.png')]);
  expect(drawn).toMatchObject({ code: 0, stderr: expect.not.stringContaining('warning') });
  expect(await readImage(path('a.png'))).toMatchObject({ width: 64, height: 96 });

  const looked = await sara(['inspect', MODEL]);
  expect(looked).toMatchObject({ code: 0, stdout: expect.stringMatching(/^unet: 99,452 weights/) });
});

it('refuses to learn a token before anything is read or written', async () => {
  const folder = await temporaryFolder();
  const path = (name: string) => join(folder, name);
  await drawPictures(path('data'), 1);
  const refused = await sara([
    ...['train', '--model', MODEL, '--data', path('data'), '--out', path('run'), '--cache', path('cache')],
    ...['--method', 'textual-inversion', '--token', '<fox>', '--init-word', 'fox', '--steps', '1'],
  ]);
  expect(refused).toMatchObject({
    code: 1,
    stdout: '',
    stderr: `sara: --method textual-inversion trains the one text encoder of Stable Diffusion 1 and 2, but ${MODEL} has 2 as Stable Diffusion XL does; choose a method that trains the UNet, such as sara or lora\n`,
  });
  expect(await readdir(folder)).toEqual(['data']);
});
