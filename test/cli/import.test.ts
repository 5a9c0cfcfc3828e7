/** `sara import` as its users run it. */
import { readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it, vi } from 'vitest';
import { writeTorch } from '../../src/formats/index.js';
import { loadNetwork, UNET } from '../../src/models/index.js';
import { loadAdapter } from '../../src/peft/index.js';
import { type Tensor, tensor, toFloat32 } from '../../src/tensor/index.js';
import { sara } from '../support/cli.js';
import { temporaryFolder } from '../support/temporary.js';
import { writeTinyModel } from '../support/tiny-model.js';

vi.setConfig({ testTimeout: 120_000 });

/** A model, and a file of the official SaRA in which all entries below 0.05 are 0.25 more. */
async function modelWithFile(): Promise<{ folder: string; model: string; file: string }> {
  const folder = await temporaryFolder();
  const model = join(folder, 'model');
  const file = join(folder, 'unet.pt');
  await writeTinyModel(model);
  const { parameters } = await loadNetwork(join(model, 'unet'), 'unet', UNET);
  const values = [...parameters.values()].map((weight, i) => {
    const small = toFloat32(weight).filter((value) => Math.abs(value) < Math.fround(0.05));
    return [
      i,
      tensor(
        [small.length],
        small.map((value) => value + 0.25),
      ),
    ] as const;
  });
  await writeTorch(file, new Map<string | number, number | Tensor>([['threshold', 0.05], ...values]));
  return { folder, model, file };
}

it('makes an adapter of a file of the official SaRA, or says why not', async () => {
  const { folder, model, file } = await modelWithFile();
  const out = join(folder, 'adapter.safetensors');
  const given = ['import', '--file', file, '--out', out];
  const made = await sara([...given, '--model', model, '--prefix', 'Barbie style, ', '--json']);
  expect(made).toEqual({ code: 0, signal: null, stderr: '', stdout: expect.any(String) });
  expect(JSON.parse(made.stdout)).toEqual({ out, method: 'sara', threshold: 0.05 });
  const { base, prefix, tensors } = await loadAdapter(out);
  expect({ prefix, model: base.model }).toEqual({ prefix: 'Barbie style, ', model });
  expect([...tensors.values()].every(({ dtype }) => dtype === 'float32')).toBe(true);
  for (const value of tensors.get('delta.conv_in.weight')!.data) expect(Number(value)).toBeCloseTo(0.25, 7);

  const half = join(folder, 'half.safetensors');
  expect(
    await sara([
      'import',
      '--file',
      file,
      '--out',
      half,
      '--model',
      join(model, 'unet'),
      '--dtype',
      'float16',
    ]),
  ).toMatchObject({ code: 0, stdout: `${half}\n` });
  const merged = join(folder, 'merged');
  const merging = ['merge', '--model', model, '--adapter', half, '--out', merged];
  expect(await sara(merging)).toMatchObject({ code: 0 });

  const before = await readdir(folder);
  const other = join(folder, 'other.safetensors');
  expect(await sara(['import', '--file', file, '--out', other, '--model', merged])).toEqual({
    code: 1,
    signal: null,
    stdout: '',
    stderr: expect.stringMatching(
      /^sara: cannot use .*unet\.pt as a file of the official SaRA: its tensor 0 \("conv_in\.weight"\) has \d+ values, but \d+ entries .*\n$/,
    ),
  });
  await writeFile(file, 'cos\nsystem\n(S"true"\ntR.');
  expect(await sara(['import', '--file', file, '--out', other, '--model', model])).toMatchObject({
    code: 1,
    stderr: expect.stringMatching(
      /^sara: cannot read .*unet\.pt as a PyTorch file: it is no zip archive.*\n$/,
    ),
  });
  expect(await readdir(folder)).toEqual(before);
});
