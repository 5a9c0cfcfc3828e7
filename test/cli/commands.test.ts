/** The other commands as processes: drawing, merging, looking, and wrong usage. */
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeAll, describe, expect, it, vi } from 'vitest';
import { doctor } from '../../src/cli/doctor.js';
import { generate as generateSpec } from '../../src/cli/generate.js';
import { inspect } from '../../src/cli/inspect.js';
import { merge } from '../../src/cli/merge.js';
import { train } from '../../src/cli/train.js';
import { readImage } from '../../src/formats/index.js';
import { AdamWSara, StableDiffusion } from '../../src/index.js';
import { sara, saraFromSource } from '../support/cli.js';
import { temporaryFolder } from '../support/temporary.js';
import { writeTinyModel } from '../support/tiny-model.js';

vi.setConfig({ testTimeout: 300_000 });

let shared: string;
let model: string;
let other: string;
let adapter: string;

const refusal = (code: number, pattern: RegExp) => ({
  code,
  stdout: '',
  stderr: expect.stringMatching(pattern),
});
const generate = (...args: string[]) =>
  sara(['generate', '--model', model, '--steps', '2', '--threads', '1', ...args]);

beforeAll(async () => {
  shared = await mkdtemp(join(tmpdir(), 'sara-cli-'));
  model = join(shared, 'model');
  other = join(shared, 'other');
  adapter = join(shared, 'adapter.safetensors');
  await writeTinyModel(model);
  await writeTinyModel(other, 2);
  const { unet } = await StableDiffusion.load(model);
  const optimizer = new AdamWSara(unet, { threshold: 5e-2 });
  for (const { values, selected } of optimizer.tensors) for (const at of selected!) values[at]! += 0.25;
  await optimizer.save(adapter, { model: 'model' });
  return () => rm(shared, { recursive: true });
});

describe('sara generate', () => {
  it('draws the same again, something else with an adapter, and the base at scale 0', async () => {
    const folder = await temporaryFolder();
    const path = (name: string) => join(folder, name);
    const base = await generate('--prompt', 'a fox', '--out', path('base.png'));
    expect(base).toMatchObject({ code: 0, stdout: `${path('base.png')}\n` });
    const off = ['--adapter', `${adapter}:0`, '--out', path('off.png')];
    await saraFromSource([
      'generate',
      '--model',
      model,
      '--steps',
      '2',
      '--threads',
      '1',
      '--prompt',
      'a fox',
      ...off,
    ]);
    await generate('--prompt', 'a fox', '--adapter', adapter, '--out', path('on.png'));
    const [plain, without, on] = await Promise.all(
      ['base', 'off', 'on'].map((name) => readFile(path(`${name}.png`))),
    );
    expect(without).toEqual(plain);
    expect(on).not.toEqual(plain);
    expect(plain!.includes(folder)).toBe(false);
    expect(await readImage(path('base.png'))).toMatchObject({ width: 32, height: 32 });
  });

  it('numbers several pictures, or lays them out on a sheet', async () => {
    const folder = await temporaryFolder();
    const prompts = join(folder, 'prompts.txt');
    await writeFile(prompts, 'a fox\n\na red fox\r\n');
    const given = ['--prompts', prompts, '--out', join(folder, 'x.png')];
    const several = await generate(...given, '--count', '2', '--size', '16x32', '--json');
    const files = [1, 2, 3, 4].map((i) => join(folder, `x-${i}.png`));
    expect(JSON.parse(several.stdout)).toEqual({ files });
    expect(await readImage(files[3]!)).toMatchObject({ width: 16, height: 32 });
    expect((await generate(...given, '--sheet')).code).toBe(0);
    expect((await readImage(join(folder, 'x.png'))).width).toBeGreaterThan(2 * 128);
  });

  it('refuses an adapter of another base, naming both, and prompts that are none', async () => {
    const folder = await temporaryFolder();
    const out = join(folder, 'x.png');
    expect(
      await generate('--model', other, '--adapter', adapter, '--prompt', 'x', '--out', out),
    ).toMatchObject(refusal(1, /^sara: .*adapter\.safetensors was made from .*model.*other.*\n$/));
    const prompts = join(folder, 'prompts.txt');
    await writeFile(prompts, '\n  \n');
    expect(await generate('--prompts', prompts, '--out', out)).toMatchObject(
      refusal(1, /^sara: .*prompts\.txt holds no prompt; write one a line\n$/),
    );
    expect(await generate('--out', out)).toMatchObject(
      refusal(2, /needs --prompt <text> or --prompts <file>/),
    );
    expect(await readdir(folder)).toEqual(['prompts.txt']);
  });
});

describe('sara merge', () => {
  it('makes one adapter of several, or a model that needs none', async () => {
    const folder = await temporaryFolder();
    const merged = join(folder, 'merged.safetensors');
    const into = join(folder, 'model');
    const half = ['--adapter', `${adapter}:0.5`];
    const both = await sara(['merge', '--model', model, ...half, ...half, '--out', merged]);
    expect(both).toMatchObject({ code: 0, stdout: `${merged}\n` });
    await sara(['merge', '--model', model, '--adapter', merged, '--dtype', 'float32', '--out', into]);
    const base = (await StableDiffusion.load(model)).unet.parameters.get('conv_in.weight')!.data;
    const result = (await StableDiffusion.load(into)).unet.parameters.get('conv_in.weight')!.data;
    expect(result).toEqual(base.map((value) => (Math.abs(value) < Math.fround(0.05) ? value + 0.25 : value)));
    expect(await sara(['merge', '--model', model, ...half, '--out', into])).toMatchObject(
      refusal(1, /exists already; name a new folder/),
    );
  });
});

describe('sara inspect', () => {
  it('counts the weights below the thresholds of the paper', async () => {
    const { unet } = await StableDiffusion.load(model);
    const { code, stdout } = await sara(['inspect', model, '--json', '--layers']);
    expect(code).toBe(0);
    const report = JSON.parse(stdout);
    const all = [...unet.parameters.values()].flatMap(({ data }) => [...data]);
    expect(report.total).toBe(all.length);
    for (const { threshold, count } of report.below)
      expect(count).toBe(all.filter((value) => Math.abs(value) < Math.fround(threshold)).length);
    expect(report.histogram.reduce((sum: number, { count }: { count: number }) => sum + count, 0)).toBe(
      all.length,
    );
    expect(report.layers).toHaveLength(unet.parameters.size);
  });

  it('tells what an adapter is, and refuses what is neither', async () => {
    const told = await sara(['inspect', adapter, '--layers']);
    expect(told.stdout).toMatch(
      /method +sara\nbase +unet of model .*\nthreshold +0.05\nchanges +8,944 weights/,
    );
    expect(told.stdout).toMatch(/conv_in\.weight +\d+ +2\.50e-1 +2\.50e-1/);
    expect(await sara(['inspect', join(shared, 'absent')])).toMatchObject(refusal(1, /nothing at .*absent/));
    const lying = join(await temporaryFolder(), 'lying.safetensors');
    await writeFile(lying, Buffer.concat([Buffer.from([255, 0, 0, 0, 0, 0, 0, 0]), Buffer.from('{}')]));
    expect(await sara(['inspect', lying])).toMatchObject(refusal(1, /^sara: cannot read .*lying.*\n$/));
  });
});

describe('sara', () => {
  it.each([
    [['train', '--stepz', '3'], /unknown option '--stepz'\n\(Did you mean --steps\?\)/],
    [['trian'], /unknown command 'trian'\n\(Did you mean train\?\)/],
    [['train', '--model', 'x'], /sara train needs --data <folder>; see "sara train --help"/],
    [['generate', '--steps', 'few'], /--steps: expected a whole number of at least 1, got "few"/],
  ])('ends with 2 on wrong usage: %j', async (args, message) => {
    expect(await sara(args)).toMatchObject(refusal(2, message));
  });

  it('shows an example with the help of every command', async () => {
    const { code, stdout } = await sara(['train', '--help']);
    expect(code).toBe(0);
    expect(stdout).toContain('Examples:\n  $ sara train');
    for (const { name, examples } of [train, generateSpec, merge, inspect, doctor]) {
      expect(examples.length).toBeGreaterThan(0);
      for (const example of examples) expect(example).toMatch(new RegExp(`^sara ${name}`));
    }
  });

  it('tells what the machine can run', async () => {
    const { code, stdout } = await sara(['doctor', '--json', '--device', 'cpu', '--model', model]);
    expect(code).toBe(0);
    const report = JSON.parse(stdout);
    expect(report).toMatchObject({ node: process.version, model: { path: model, found: true } });
    expect(report.devices).toEqual([
      { device: 'cpu', problem: '', gemmGflops: expect.any(Number), convGflops: expect.any(Number) },
    ]);
    expect(report.devices[0].gemmGflops).toBeGreaterThan(1);
  });
});
