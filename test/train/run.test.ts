/** Whole runs: their folder, going on after an interruption, and refusals. */
import { mkdtemp, readdir, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeAll, describe, expect, it, vi } from 'vitest';
import { InputError } from '../../src/errors.js';
import { exists, type Image, readSafetensors } from '../../src/formats/index.js';
import { StableDiffusion } from '../../src/models/index.js';
import {
  type RunEvent,
  type RunHooks,
  type TrainInput,
  trainRun,
  trainSchema,
} from '../../src/train/index.js';
import { temporaryFolder } from '../support/temporary.js';
import { drawPictures, writeTinyModel } from '../support/tiny-model.js';

vi.setConfig({ testTimeout: 300_000 });

let shared: string;
let model: string;
let data: string;
/** The bytes that an uninterrupted run of six steps ends with. */
let expected: Buffer;

const run = (out: string, settings: Partial<TrainInput> = {}, hooks: RunHooks = {}) =>
  trainRun(
    trainSchema.parse({
      ...{ model, data, out, steps: 6, batch: 2, checkpointEvery: 2, threads: 1 },
      ...{ threshold: 5e-2, learningRate: 1e-3 },
      ...settings,
    }),
    hooks,
  );

/** Asks to stop after so many steps. */
function stopAfter(steps: number): RunHooks & { events: RunEvent[] } {
  const events: RunEvent[] = [];
  return {
    events,
    onEvent: (event) => events.push(event),
    stopRequested: () => events.some((event) => event.type === 'step' && event.step >= steps),
  };
}

async function metrics(out: string): Promise<{ step: number; loss: number }[]> {
  const lines = (await readFile(join(out, 'metrics.jsonl'), 'utf8')).trimEnd().split('\n');
  return lines.map((line) => JSON.parse(line));
}

beforeAll(async () => {
  shared = await mkdtemp(join(tmpdir(), 'sara-run-'));
  model = join(shared, 'model');
  data = join(shared, 'data');
  await writeTinyModel(model);
  await drawPictures(data, 5);
  await run(join(shared, 'whole'));
  expected = await readFile(join(shared, 'whole', 'adapter.safetensors'));
  return () => rm(shared, { recursive: true });
});

describe('a run', () => {
  it('leaves configuration, metrics, checkpoints and adapter', async () => {
    const out = join(shared, 'whole');
    expect(await readdir(out)).toEqual([
      'adapter.safetensors',
      'checkpoints',
      'config.yaml',
      'metrics.jsonl',
    ]);
    expect(await readdir(join(out, 'checkpoints'))).toEqual(['step-4.safetensors', 'step-6.safetensors']);
    expect((await metrics(out)).map(({ step }) => step)).toEqual([1, 2, 3, 4, 5, 6]);
    const config = await readFile(join(out, 'config.yaml'), 'utf8');
    expect(config).toContain('threshold: 0.05\n');
    expect(config).not.toContain('overwrite');
    const { metadata } = await readSafetensors(join(out, 'adapter.safetensors'));
    expect(metadata).toMatchObject({ method: 'sara', base_model: 'model', threshold: '0.05' });
    expect(JSON.stringify(metadata)).not.toContain(shared);
  });

  it('says so when it is finished', async () => {
    const result = await run(join(shared, 'whole'));
    expect(result).toMatchObject({ status: 'finished before', step: 6 });
  });

  it('goes on where it was stopped, to the same bits', async () => {
    const out = await temporaryFolder();
    const first = stopAfter(3);
    expect(await run(out, {}, first)).toMatchObject({ status: 'stopped', step: 3, result: undefined });
    const second = stopAfter(99);
    expect(await run(out, {}, second)).toMatchObject({ status: 'finished', step: 6 });
    expect(second.events).toContainEqual(expect.objectContaining({ type: 'resumed', step: 3 }));
    expect(await readFile(join(out, 'adapter.safetensors'))).toEqual(expected);
    const losses = async (folder: string) => (await metrics(folder)).map(({ step, loss }) => [step, loss]);
    expect(await losses(out)).toEqual(await losses(join(shared, 'whole')));
  });

  it('goes on from the checkpoint before a damaged one, dropping what came later', async () => {
    const out = await temporaryFolder();
    await run(out, {}, stopAfter(4));
    await truncate(join(out, 'checkpoints', 'step-4.safetensors'), 1000);
    await writeFile(
      join(out, 'metrics.jsonl'),
      `${await readFile(join(out, 'metrics.jsonl'), 'utf8')}{"step": 5, "lo`,
    );
    const hooks = stopAfter(99);
    await run(out, {}, hooks);
    expect(hooks.events).toContainEqual(expect.objectContaining({ type: 'resumed', step: 2 }));
    expect(hooks.events).toContainEqual(
      expect.objectContaining({
        type: 'note',
        text: expect.stringMatching(/step-4.*trying the checkpoint before/),
      }),
    );
    expect((await metrics(out)).map(({ step }) => step)).toEqual([1, 2, 3, 4, 5, 6]);
    expect(await readFile(join(out, 'adapter.safetensors'))).toEqual(expected);
  });

  it('trains all weights to a model folder, with a moving average that survives an interruption', async () => {
    const settings = { method: 'full', learningRate: 1e-3, threshold: undefined, ema: 0.9 } as const;
    const whole = await temporaryFolder();
    await run(whole, settings);
    const out = await temporaryFolder();
    await run(out, settings, stopAfter(3));
    await run(out, settings);
    const weights = async (folder: string) =>
      (await StableDiffusion.load(join(folder, 'model'))).unet.parameters;
    expect(await weights(out)).toEqual(await weights(whole));
    expect(await weights(out)).not.toEqual((await StableDiffusion.load(model)).unet.parameters);
  });

  it('keeps the average, not the last weights, where that is asked for', async () => {
    const out = await temporaryFolder();
    await run(out, { ema: 0.9 }, stopAfter(3));
    await run(out, { ema: 0.9 });
    const whole = await temporaryFolder();
    await run(whole, { ema: 0.9 });
    const adapter = await readFile(join(out, 'adapter.safetensors'));
    expect(adapter).toEqual(await readFile(join(whole, 'adapter.safetensors')));
    expect((await readSafetensors(join(out, 'adapter.safetensors'))).tensors).not.toEqual(
      (await readSafetensors(join(shared, 'whole', 'adapter.safetensors'))).tensors,
    );
  });

  it.each(['lt-sft', 'fishmask', 'diffpruning'] as const)(
    'finds out what to train with %s, stopped meanwhile, to the same bits',
    async (method) => {
      const folder = await temporaryFolder();
      const settings = { method, threshold: undefined, params: 500, searchSteps: 3, steps: 2 } as const;
      const [whole, parts] = [join(folder, 'whole'), join(folder, 'parts')];
      const hooks = stopAfter(99);
      expect(await run(whole, settings, hooks)).toMatchObject({ status: 'finished', step: 5, steps: 5 });
      const told = hooks.events.filter(({ type }) => ['searching', 'selected', 'step'].includes(type));
      expect(told.map(({ type }) => type).join(' ')).toBe('searching step step step selected step step');
      const images = method === 'fishmask' ? 1 : 2;
      expect(told[0]).toMatchObject({ steps: 3, images });
      // Adam moves entries by equal amounts at first, and ties with the last one train too.
      expect((told[4] as { trained: number }).trained).toBeGreaterThanOrEqual(500);
      expect((told[4] as { trained: number }).trained).toBeLessThan(600);
      // Training has a schedule of its own: a cosine from its first step on.
      const rates = told.flatMap((event) => (event.type === 'step' ? [event.learningRate] : []));
      expect(rates[3]).toBe(1e-3);
      expect(rates[4]).toBeCloseTo(5e-4, 10);

      expect(await run(parts, settings, stopAfter(2))).toMatchObject({ status: 'stopped', step: 2 });
      expect(await run(parts, settings, stopAfter(4))).toMatchObject({ status: 'stopped', step: 4 });
      await run(parts, settings);
      const file = (path: string) => readFile(join(path, 'adapter.safetensors'));
      expect((await file(parts)).equals(await file(whole))).toBe(true);
    },
  );

  it('draws samples before, during and after', async () => {
    const out = await temporaryFolder();
    const sheet: Image = { width: 1, height: 1, data: new Uint8Array(3) };
    const asked: string[] = [];
    await run(
      out,
      { samplePrompt: 'a fox', sampleEvery: 4 },
      {
        sample: async (_, { prompts, size }) => {
          asked.push(`${prompts} ${size}`);
          return sheet;
        },
      },
    );
    expect(asked).toEqual(Array(3).fill('a fox 32'));
    expect(await readdir(join(out, 'samples'))).toEqual([
      'step-000000.png',
      'step-000004.png',
      'step-000006.png',
    ]);
    expect(await readFile(join(out, 'adapter.safetensors'))).toEqual(expected);
  });

  it('crops at random, drops captions and accumulates', async () => {
    const settings = { size: 24, crop: 'random', flip: true, captionDropout: 0.5, accumulate: 2 } as const;
    const out = await temporaryFolder();
    await run(out, settings, stopAfter(3));
    await run(out, settings);
    const whole = await temporaryFolder();
    await run(whole, settings);
    expect(await readFile(join(out, 'adapter.safetensors'))).toEqual(
      await readFile(join(whole, 'adapter.safetensors')),
    );
  });
});

describe('trainRun refuses', () => {
  it('another configuration, unless asked to start anew', async () => {
    const out = await temporaryFolder();
    await run(out, { steps: 2 });
    const before = await readFile(join(out, 'adapter.safetensors'));
    await expect(run(out, { steps: 2, seed: 7 })).rejects.toThrow(
      /holds a run with seed 0, this one has 7; .*--overwrite/,
    );
    await expect(run(out, { steps: 2, params: 100, threshold: undefined })).rejects.toThrow(
      /threshold 0.05, this one has not given/,
    );
    expect(await readFile(join(out, 'adapter.safetensors'))).toEqual(before);
    expect(await run(out, { steps: 2, seed: 7, overwrite: true })).toMatchObject({ status: 'finished' });
    expect(await readFile(join(out, 'adapter.safetensors'))).not.toEqual(before);
  });

  it('a folder with something else in it', async () => {
    await expect(run(data)).rejects.toThrow(/is not empty and holds no training run \(it has .*--out/);
  });

  it('a run whose settings cannot be read', async () => {
    const out = await temporaryFolder();
    await run(out, {}, stopAfter(2));
    await writeFile(join(out, 'config.yaml'), 'steps: [');
    await expect(run(out)).rejects.toThrow(
      /^cannot read .*config\.yaml as YAML: .* at line 1, column \d+; correct the file$/,
    );
  });

  it('pictures that changed since the checkpoint', async () => {
    const out = await temporaryFolder();
    const pictures = join(await temporaryFolder(), 'pictures');
    await drawPictures(pictures, 3);
    await run(out, { data: pictures }, stopAfter(2));
    await writeFile(join(pictures, '0.txt'), 'another caption');
    await expect(run(out, { data: pictures })).rejects.toThrow(/was made with another data/);
  });

  it('settings of other methods, naming those of this one', async () => {
    const out = join(await temporaryFolder(), 'run');
    await expect(run(out, { method: 'random' })).rejects.toThrow(
      '--threshold: method "random" does not have this setting; leave it out or use --params',
    );
    await expect(run(out, { method: 'full', threshold: undefined, params: '5M' })).rejects.toThrow(
      /--params: method "full" .* leave it out$/,
    );
    expect(await exists(out)).toBe(false);
  });

  it('bad input before it leaves anything behind', async () => {
    const out = join(await temporaryFolder(), 'run');
    await expect(run(out, { data: join(data, 'absent') })).rejects.toThrow(InputError);
    await expect(run(out, { model: data })).rejects.toThrow(/model_index.json/);
    await expect(run(out, { threshold: 1e-30, trainOnly: 'conv_in.weight' })).rejects.toThrow(
      /selects nothing/,
    );
    await expect(run(out, { trainOnly: 'attn9' })).rejects.toThrow(/no weight has a key like attn9/);
    await expect(run(out, { params: 5, threshold: 1 })).rejects.toThrow(
      'expected one setting that says how much trains, got --params 5 and --threshold 1; leave one out',
    );
    await expect(run(out, { method: 'largest', threshold: undefined })).rejects.toThrow(
      'method "largest" needs the number of weights to train; give --params, such as 5M',
    );
    await expect(run(out, { size: 30 })).rejects.toThrow(/multiple of 8 pixels, got 30/);
    expect(await exists(out)).toBe(false);
  });

  it('a loss that is not finite, keeping the last good checkpoint', async () => {
    const out = await temporaryFolder();
    const hooks = stopAfter(99);
    const settings = { learningRate: 1e38, schedule: 'constant', maxGradientNorm: 'off' } as const;
    await expect(run(out, { ...settings, checkpointEvery: 1 }, hooks)).rejects.toThrow(
      /became \S+ at step \d.*pictures \d\.png, \d\.png/,
    );
    const saved = hooks.events.filter((event) => event.type === 'saved').at(-1)!;
    expect(hooks.events.at(-1)).toEqual({ type: 'note', text: `the last good checkpoint is ${saved.path}` });
    expect(await exists(join(out, 'run.lock'))).toBe(false);
  });
});
