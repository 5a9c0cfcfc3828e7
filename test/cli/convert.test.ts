/** `sara convert` as a process, and the commands that take what it wrote. */
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it, vi } from 'vitest';
import { readSafetensors, writeSafetensors } from '../../src/formats/index.js';
import { sara } from '../support/cli.js';
import { mockHub } from '../support/mock-hub.js';
import { temporaryFolder } from '../support/temporary.js';

vi.setConfig({ testTimeout: 300_000 });

const MODEL = 'test/fixtures/pipeline/sd15';
const VELOCITY = 'test/fixtures/pipeline/sd2-v';

describe('sara convert', () => {
  it('makes a file of a folder and a folder of a file, from which the same pictures come', async () => {
    const folder = await temporaryFolder();
    const path = (name: string) => join(folder, name);
    expect(await sara(['convert', MODEL, path('model.safetensors')])).toMatchObject({
      code: 0,
      stdout: `${path('model.safetensors')}\n`,
      stderr: '',
    });
    const back = await sara(['convert', path('model.safetensors'), path('model'), '--json']);
    expect([back.code, JSON.parse(back.stdout)]).toEqual([0, { out: path('model') }]);
    const draw = (model: string, out: string) =>
      sara([
        'generate',
        '--model',
        model,
        '--prompt',
        'a fox',
        '--steps',
        '1',
        '--threads',
        '1',
        '--out',
        out,
      ]);
    for (const [i, model] of [MODEL, path('model.safetensors'), path('model')].entries()) {
      expect(await draw(model, path(`${i}.png`))).toMatchObject({ code: 0 });
    }
    const [base, file, again] = await Promise.all([0, 1, 2].map((i) => readFile(path(`${i}.png`))));
    expect(file).toEqual(base);
    expect(again).toEqual(base);
    const report = async (model: string) => (await sara(['inspect', model])).stdout;
    expect(await report(path('model.safetensors'))).toBe(await report(MODEL));
    expect(await report(join(path('model'), 'unet'))).toBe(await report(MODEL));
  });

  it('tells what it guessed, and takes --prediction-type and --dtype', async () => {
    const folder = await temporaryFolder();
    const path = (name: string) => join(folder, name);
    await sara(['convert', VELOCITY, path('stated.safetensors'), '--dtype', 'float16']);
    const { tensors } = await readSafetensors(path('stated.safetensors'));
    await writeSafetensors(path('bare.safetensors'), tensors);
    const guess = await sara(['convert', path('bare.safetensors'), path('guessed')]);
    expect(guess.stderr).toMatch(/does not say what its UNet predicts; taken to be .*--prediction-type/);
    const args = ['convert', path('bare.safetensors'), path('told'), '--prediction-type', 'v_prediction'];
    expect(await sara(args)).toMatchObject({ code: 0, stderr: '' });
    const scheduler = JSON.parse(await readFile(path('told/scheduler/scheduler_config.json'), 'utf8'));
    expect(scheduler).toMatchObject({ _class_name: 'DDIMScheduler', prediction_type: 'v_prediction' });
    const unet = await readSafetensors(path('told/unet/diffusion_pytorch_model.safetensors'));
    expect(unet.tensors.get('conv_in.weight')!.dtype).toBe('float16');
  });

  it('refuses what is taken, what is no model, and wrong usage, and leaves nothing behind', async () => {
    const folder = await temporaryFolder();
    const path = (name: string) => join(folder, name);
    await writeFile(path('taken'), '');
    await writeSafetensors(path('lora.safetensors'), { 'a.lora_down.weight': await oneWeight() });
    const before = await readdir(folder);
    const refused: [string[], number, RegExp][] = [
      [[MODEL, path('taken')], 1, /^sara: .*taken exists already; name a new file or folder\n$/],
      [[MODEL, path('a.ckpt')], 1, /\.ckpt files are not written/],
      [[path('absent'), path('a')], 1, /nothing at .*absent/],
      [[path('lora.safetensors'), path('a')], 1, /is a LoRA, which is not read as a model/],
      [[MODEL, path('a'), '--dtype', 'int8'], 2, /--dtype: expected float16, float32, bfloat16, got "int8"/],
      [[MODEL], 2, /missing required argument 'out'/],
    ];
    for (const [args, code, message] of refused) {
      const outcome = await sara(['convert', ...args]);
      expect(outcome).toMatchObject({ code, stdout: '', stderr: expect.stringMatching(message) });
    }
    expect(await readdir(folder)).toEqual(before);
  });
});

describe('a model of the Hub', () => {
  it('is downloaded with progress, then inspected like any other', async () => {
    const files = new Map<string, Uint8Array>();
    for (const name of ['config.json', 'diffusion_pytorch_model.safetensors']) {
      files.set(name, await readFile(join(MODEL, 'unet', name)));
    }
    const hub = await mockHub(files);
    const outcome = await sara(['inspect', 'hub:owner/model']);
    expect(outcome).toMatchObject({ code: 0, stdout: (await sara(['inspect', MODEL])).stdout });
    expect(outcome.stderr).toMatch(/^downloading owner\/model, MB \d+\/1/);
    await hub.close();
    expect(await sara(['inspect', 'hub:owner/model'])).toMatchObject({ code: 0, stderr: '' });
    expect(await sara(['inspect', 'hub:owner/other'])).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(
        /^sara: http.* cannot be reached .* was not downloaded before; connect.*\n$/,
      ),
    });
  });
});

async function oneWeight() {
  return (await readSafetensors(`${MODEL}/vae/diffusion_pytorch_model.safetensors`)).tensors.get(
    'quant_conv.bias',
  )!;
}
