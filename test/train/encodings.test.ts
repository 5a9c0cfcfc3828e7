import { readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it, vi } from 'vitest';
import { Random } from '../../src/tensor/index.js';
import { Encodings } from '../../src/train/encodings.js';
import { temporaryFolder } from '../support/temporary.js';
import { tinyModel } from '../support/tiny-model.js';

const pixels = new Random(1, 'pixels').uniform(3 * 32 * 32);

it('encodes each content once', async () => {
  const sd = await tinyModel();
  const encodings = new Encodings(sd);
  const load = vi.fn(async () => pixels);
  const first = await encodings.moments('a', load);
  expect(await encodings.moments('a', load)).toBe(first);
  expect(load).toHaveBeenCalledTimes(1);
  expect(first.shape).toEqual([1, 8, 4, 4]);
  await encodings.moments('b', load);
  expect(load).toHaveBeenCalledTimes(2);
  expect(await encodings.textStates('a fox')).toBe(await encodings.textStates('a fox'));
  expect((await encodings.textStates('a fox')).encoderHiddenStates.shape).toEqual([1, 77, 16]);
});

it('works from memory once the encoders are released', async () => {
  const encodings = new Encodings(await tinyModel());
  const known = await encodings.moments('a', async () => pixels);
  await encodings.release();
  expect(await encodings.moments('a', async () => pixels)).toBe(known);
  await expect(encodings.moments('b', async () => pixels)).rejects.toThrow(/were released/);
});

it('does not keep pictures that will not come again', async () => {
  const encodings = new Encodings(await tinyModel(), { rememberPictures: false });
  const load = vi.fn(async () => pixels);
  expect(await encodings.moments('a', load)).toEqual(await encodings.moments('a', load));
  expect(load).toHaveBeenCalledTimes(2);
});

it('outlives the process in a folder, and survives a file that is broken', async () => {
  const folder = await temporaryFolder();
  const sd = await tinyModel();
  const known = await new Encodings(sd, { folder }).moments('a', async () => pixels);
  const load = vi.fn(async () => pixels);
  expect(await new Encodings(sd, { folder }).moments('a', load)).toEqual(known);
  expect(load).not.toHaveBeenCalled();
  const [file] = await readdir(folder);
  await writeFile(join(folder, file!), 'broken');
  expect(await new Encodings(sd, { folder }).moments('a', load)).toEqual(known);
  expect(load).toHaveBeenCalledTimes(1);
});

it('does not take what another encoder made', async () => {
  const folder = await temporaryFolder();
  const sd = await tinyModel();
  await new Encodings(sd, { folder }).moments('a', async () => pixels);
  sd.vae.parameters.get('quant_conv.bias')!.data[0]! += 1;
  const load = vi.fn(async () => pixels);
  await new Encodings(sd, { folder }).moments('a', load);
  expect(load).toHaveBeenCalledTimes(1);
});
