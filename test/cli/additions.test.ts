/** LoRA and AdaptFormer as their users run them: trained, gone on with, drawn with, merged, exported, imported. */
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it, vi } from 'vitest';
import { loadUNet } from '../../src/models/index.js';
import { loadAdapter } from '../../src/peft/index.js';
import { toFloat32 } from '../../src/tensor/index.js';
import { expectAllclose } from '../support/allclose.js';
import { done, sara } from '../support/cli.js';
import { temporaryFolder } from '../support/temporary.js';
import { drawPictures, writeTinyModel } from '../support/tiny-model.js';

vi.setConfig({ testTimeout: 300_000 });

async function modelWithPictures() {
  const folder = await temporaryFolder();
  const [model, data] = [join(folder, 'model'), join(folder, 'data')];
  await writeTinyModel(model);
  await drawPictures(data, 2);
  const train = ['train', '--model', model, '--data', data, '--steps', '2', '--batch', '1', '--threads', '1'];
  const draw = (out: string, ...more: string[]) =>
    done(
      ...['generate', '--model', model, '--prompt', 'a fox', '--steps', '1', '--out', join(folder, out)],
      ...['--threads', '1', ...more],
    );
  return { folder, model, train: [...train, '--learning-rate', '1e-2'], draw };
}

it('trains a LoRA, goes on, draws, merges, exports and imports it', async () => {
  const { folder, model, train, draw } = await modelWithPictures();
  const run = join(folder, 'run');
  const method = ['--method', 'lora', '--rank', '2', '--alpha', '4', '--checkpoint-every', '1', '--out'];
  const whole = await done(...train, ...method, join(folder, 'whole'));
  const stopped = await sara([...train, ...method, run, '--json'], (line, child) => {
    if ((JSON.parse(line) as { type: string }).type === 'step') child.kill('SIGINT');
  });
  expect([0, 130]).toContain(stopped.code);
  const adapter = await done(...train, ...method, run);
  expect((await readFile(adapter)).equals(await readFile(whole))).toBe(true);
  const factors = [...(await loadAdapter(adapter)).tensors].filter(([key]) => /lora_[AB]/.test(key));
  const parameters = factors.reduce((sum, [, { data }]) => sum + data.length, 0).toLocaleString('en-US');
  const looked = await done('inspect', adapter);
  expect(looked).toMatch(/method +lora\n[\s\S]*rank +2\n/);
  expect(looked).toContain(`${parameters} parameters in ${factors.length} tensors\n`);

  await draw('plain.png');
  await draw('adapted.png', '--adapter', adapter);
  const [plain, adapted] = ['plain.png', 'adapted.png'].map((name) => readFile(join(folder, name)));
  expect((await adapted!).equals(await plain!)).toBe(false);

  const merged = join(folder, 'merged');
  await done('merge', '--model', model, '--adapter', adapter, '--out', merged, '--dtype', 'float32');
  const file = join(folder, 'lora.safetensors');
  const exported = ['export', '--model', model, '--adapter', adapter, '--format', 'lora', '--out', file];
  await done(...exported, '--keys', 'kohya', '--dtype', 'float32');
  const back = join(folder, 'back.safetensors');
  await done('import', '--model', model, '--file', file, '--out', back, '--dtype', 'float32');
  const [ours, again] = [await loadAdapter(adapter), await loadAdapter(back)];
  expect(again.method).toBe('lora');
  expect([...again.tensors.keys()].sort()).toEqual([...ours.tensors.keys()].sort());
  for (const [key, tensor] of ours.tensors)
    expect([...toFloat32(again.tensors.get(key)!)], key).toEqual([...toFloat32(tensor)]);
  const remerged = join(folder, 'remerged');
  await done('merge', '--model', model, '--adapter', back, '--out', remerged, '--dtype', 'float32');
  const [one, other] = [await loadUNet(merged), await loadUNet(remerged)];
  for (const [key, weight] of one.parameters)
    expectAllclose(toFloat32(other.parameters.get(key)!), toFloat32(weight), { atol: 1e-7 });
});

it('trains an AdaptFormer and draws with it, and says that it cannot be merged', async () => {
  const { folder, model, train, draw } = await modelWithPictures();
  const adapter = await done(
    ...train,
    '--method',
    'adaptformer',
    '--width',
    '3',
    '--out',
    join(folder, 'run'),
  );
  await draw('adapted.png', '--adapter', `${adapter}:0.5`);
  for (const command of [['merge'], ['export', '--format', 'checkpoint']]) {
    const args = [...command, '--model', model, '--adapter', adapter, '--out', join(folder, 'merged')];
    expect(await sara(args)).toMatchObject({
      code: 1,
      stdout: '',
      stderr: expect.stringMatching(
        /changes what layers compute and not their weights, so it cannot be merged/,
      ),
    });
  }
  expect(await readdir(folder)).not.toContain('merged');
});
