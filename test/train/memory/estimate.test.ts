/** The estimate of a run's memory: how it grows, what it advises, and what it reads of a model. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { SIZES } from '../../../bench/sizes.js';
import { InputError } from '../../../src/errors.js';
import { parseClipTextConfig, parseUNetConfig, parseVaeConfig, UNET } from '../../../src/models/index.js';
import { openModel } from '../../../src/models/open-model.js';
import { METHODS, positionsBelow } from '../../../src/peft/index.js';
import { sizeOf, toFloat32 } from '../../../src/tensor/index.js';
import { type RunEvent, trainRun, trainSchema } from '../../../src/train/index.js';
import { adviceFor } from '../../../src/train/memory/advice.js';
import { estimateMemory, type MemoryRequest } from '../../../src/train/memory/estimate.js';
import { memoryLimit } from '../../../src/train/memory/limit.js';
import { estimateRun } from '../../../src/train/memory/run-estimate.js';
import { shapeOnlyNetwork } from '../../../src/train/memory/shape-only.js';
import { countsBelow } from '../../../src/train/memory/trained-counts.js';
import { temporaryFolder } from '../../support/temporary.js';
import { drawPictures, TINY_SIZE, writeTinyModel } from '../../support/tiny-model.js';

const unet = parseUNetConfig(SIZES.tiny.unet);
const vae = parseVaeConfig(SIZES.tiny.vae);
const sizes = [...shapeOnlyNetwork('unet', UNET, unet).parameters].map(
  ([key, { shape }]) => [key, sizeOf(shape)] as const,
);
const total = sizes.reduce((sum, [, size]) => sum + size, 0);

const REQUEST: MemoryRequest = {
  ...{ unet, vae, encoderBytes: 1e6, encodersStay: false, weightDtype: 'float32' },
  trained: new Map(sizes.map(([key, size]) => [key, Math.floor(size / 10)])),
  state: METHODS.sara.cost.state,
  ...{ size: 256, batch: 4, accumulate: 1, tokens: 77 },
  ...{ checkpoint: false, clips: true, average: false, draws: false },
};
const WHOLE = { trained: new Map<string, number>(), state: METHODS.full.cost.state };

const partOf = (name: string, change: Partial<MemoryRequest> = {}): number =>
  estimateMemory({ ...REQUEST, ...change }).parts.find((part) => part.name === name)?.bytes ?? 0;

describe('the estimate', () => {
  it('counts weights and what trains exactly', () => {
    expect(partOf('weights')).toBe(4 * total);
    expect(partOf('weights', { weightDtype: 'float16' })).toBe(2 * total);
    expect(partOf('training state') / total).toBeCloseTo(1.6, 1);
    expect(partOf('training state', WHOLE)).toBe(8 * total);
    expect(partOf('moving average', { average: true })).toBe(4 * total);
    expect(partOf('gradients') / total).toBeCloseTo(0.4, 1);
    expect(partOf('gradients', { clips: false })).toBe(0);
    expect(partOf('gradients', WHOLE)).toBe(0);
    expect(partOf('gradients', { ...WHOLE, accumulate: 2 })).toBe(4 * total);
  });

  it('grows with the batch and shrinks where blocks are recomputed', () => {
    const activations = partOf('activations');
    expect(partOf('activations', { batch: 16 }) / activations).toBeGreaterThan(1.5);
    expect(partOf('activations', { prior: true })).toBe(partOf('activations', { batch: 8 }));
    expect(partOf('activations', { checkpoint: true }) / activations).toBeLessThan(0.7);
  });

  it('is of the moment that takes most', () => {
    const names = (change: Partial<MemoryRequest>) =>
      estimateMemory({ ...REQUEST, ...change }).parts.map(({ name }) => name);
    expect(names({})).not.toContain('text encoder and autoencoder');
    expect(names({ encodersStay: true })).toContain('text encoder and autoencoder');
    expect(names({ encoderBytes: 1e12 })).toContain('encoding of a picture');
    expect(names({ draws: true })).toContain('drawing');
    expect(names({ drawsFirst: true })).not.toContain('drawing');
    expect(names({ drawsFirst: true, encoderBytes: 1e12 })).toContain('drawing');
  });
});

describe('the estimate of a text encoder whose rows train', () => {
  const config = parseClipTextConfig(SIZES.tiny.textEncoder);
  it('has its weights, its graph, and little that trains', () => {
    const none = new Map(sizes.map(([key]) => [key, 0]));
    const change = { trained: none, textEncoder: { config, rows: 2 } };
    expect(partOf('training state', change)).toBe(2 * config.hidden_size * 16);
    expect(partOf('text encoder', change)).toBeGreaterThan(4 * config.vocab_size * config.hidden_size);
    expect(partOf('activations', change)).toBeGreaterThan(0.4 * partOf('activations', WHOLE));
    expect(partOf('activations', change)).toBeLessThan(partOf('activations', WHOLE));
  });
});

describe('the advice', () => {
  const { peak } = estimateMemory(REQUEST);
  const flags = (limit: number, canHalve = true) => adviceFor([REQUEST], limit, canHalve)?.flags;

  it('is the first change that is enough', () => {
    expect(flags(peak - 1, false)).toBe('--gradient-checkpointing');
    const all = { weightDtype: 'float16', checkpoint: true, batch: 1, accumulate: 4 } as const;
    expect(flags(estimateMemory({ ...REQUEST, ...all }).peak)).toBe(
      '--weight-dtype float16 --gradient-checkpointing --batch 1 --accumulate 4',
    );
  });

  it('is none where nothing is enough', () => {
    expect(flags(1e6)).toBeUndefined();
  });
});

describe('a run', () => {
  const config = (model: string, more = {}) =>
    trainSchema.parse({ model, data: 'data', threshold: 5e-2, threads: 1, ...more });

  it('is estimated from the headers of its model and a few weights', async () => {
    const model = join(await temporaryFolder(), 'model');
    await writeTinyModel(model);
    const files = await openModel(model);
    const { weights } = files.networks.get('unet')!;
    const counts = await countsBelow(weights, 5e-2, () => true);
    let below = 0;
    for (const lazy of weights.tensors.values())
      below += positionsBelow(toFloat32(await lazy.load()), 5e-2).length;
    expect([...counts.values()].reduce((sum, count) => sum + count, 0) / below).toBeCloseTo(1, 1);

    const run = { size: TINY_SIZE, draws: false };
    const estimate = await estimateRun(config(model), files, run, 1e12);
    expect(estimate.advice).toBeUndefined();
    expect(estimate.peak).toBeGreaterThan(1e8);
    const tight = await estimateRun(config(model), files, run, estimate.peak - 1);
    expect(tight.advice?.flags).toMatch(/^--/);
    await expect(estimateRun(config(model), files, run, 1e3)).rejects.toThrow(InputError);
    const named = { params: 1000, trainOnly: ['*attn2*'] };
    const { parts } = await estimateRun(config(model, { ...named, threshold: undefined }), files, run);
    expect(parts.find(({ name }) => name === 'training state')!.bytes / 16).toBeCloseTo(1000, -2);
    await files.close();
  });

  it('tells it before anything is read', async () => {
    const folder = await temporaryFolder();
    const [model, data] = [join(folder, 'model'), join(folder, 'data')];
    await writeTinyModel(model);
    await drawPictures(data, 2);
    const events: RunEvent[] = [];
    const out = join(folder, 'run');
    await trainRun(config(model, { data, out, steps: 1, batch: 1, learningRate: 1e-3 }), {
      onEvent: (event) => void events.push(event),
    });
    const types = events.map(({ type }) => type);
    expect(types.indexOf('memory')).toBeGreaterThan(-1);
    expect(types.indexOf('memory')).toBeLessThan(types.indexOf('encoded'));
  });
});

it('the limit of a container counts where it is less than the memory', async () => {
  const folder = await temporaryFolder();
  const file = async (name: string, text: string) => {
    await writeFile(join(folder, name), text);
    return join(folder, name);
  };
  const unlimited = memoryLimit([]);
  expect(memoryLimit([await file('a', 'max\n')])).toBe(unlimited);
  expect(memoryLimit([await file('b', '1048576\n'), join(folder, 'none')])).toBe(1048576);
});
