/** The library as its users write it, and what a step depends on. */
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import {
  AdamW,
  AdamWSara,
  ImageFolder,
  loadAdapter,
  type StableDiffusion,
  Trainer,
} from '../../src/index.js';
import { copyParameters, type Parameters } from '../../src/nn/index.js';
import { withPrior } from '../../src/train/data/prior.js';
import type { TrainerOptions } from '../../src/train/index.js';
import { DivergenceError } from '../../src/train/index.js';
import { expectAllclose } from '../support/allclose.js';
import { temporaryFolder } from '../support/temporary.js';
import { drawPictures, TINY_SIZE, tinyModel } from '../support/tiny-model.js';

async function pictures(count = 4): Promise<ImageFolder> {
  const folder = await temporaryFolder();
  await drawPictures(folder, count);
  return ImageFolder.open(folder, { size: TINY_SIZE });
}

function trainerOf(sd: StableDiffusion, options: TrainerOptions = {}): Trainer {
  const optimizer = new AdamWSara(sd.unet, { threshold: 5e-2, learningRate: 1e-3 });
  const trainer = new Trainer(sd, optimizer, { threads: 1, ...options });
  onTestFinished(() => trainer.dispose());
  return trainer;
}

function values(parameters: Parameters): number[] {
  return [...parameters.values()].flatMap(({ data }) => [...data]);
}

it('changes one line between full fine-tuning and SaRA', async () => {
  const folder = await temporaryFolder();
  const data = await pictures();
  for (const create of [
    (sd: StableDiffusion) => new AdamW(sd.unet, { learningRate: 1e-4, keepBase: true }),
    (sd: StableDiffusion) => new AdamWSara(sd.unet, { threshold: 5e-2, learningRate: 1e-3 }),
  ]) {
    const sd = await tinyModel();
    const before = copyParameters(sd.unet.parameters);
    const optimizer = create(sd);
    const trainer = new Trainer(sd, optimizer);
    const losses: number[] = [];
    for await (const batch of data.batches(2)) {
      const { loss, gradientNorm, step, learningRate } = await trainer.step(batch);
      expect(step).toBe(losses.push(loss));
      expect(gradientNorm).toBeGreaterThan(0);
      expect(learningRate).toBe(optimizer.learningRate);
    }
    expect(losses).toHaveLength(2);
    expect(losses.every((loss) => loss > 0.3 && loss < 3)).toBe(true);
    await trainer.dispose();
    const path = join(folder, `${optimizer.constructor.name}.safetensors`);
    await optimizer.save(path);
    const base = values(before);
    const changed = values(sd.unet.parameters).filter((value, i) => value !== base[i]).length;
    expect(changed).toBeGreaterThan(0.9 * optimizer.trainedCount);
    expect(changed).toBeLessThanOrEqual(optimizer.trainedCount);
    expect((await loadAdapter(path)).base.network).toBe('unet');
  }
});

it('gives a step in micro-batches what it gives it whole', async () => {
  const data = await pictures();
  const results = [];
  for (const accumulate of [1, 2, 4]) {
    const sd = await tinyModel();
    const { loss } = await trainerOf(sd, { accumulate }).step(await data.batchAt(0, 4));
    results.push({ loss, weights: values(sd.unet.parameters) });
  }
  for (const { loss, weights } of results.slice(1)) {
    expectAllclose([loss], [results[0]!.loss], { rtol: 1e-5 });
    expectAllclose(weights, results[0]!.weights, {
      atol: 1e-5,
      reason: 'the first AdamW step divides each gradient by itself, which enlarges its rounding',
    });
  }
});

it('draws noise by seed and step, so that a step repeats whatever came before', async () => {
  const data = await pictures();
  const load = data.load.bind(data);
  const samples = data.samplesAt(0, 2);
  const sd = await tinyModel();
  const first = await trainerOf(sd).stepOn(samples, load);
  const again = await trainerOf(await tinyModel()).stepOn(samples, load);
  const other = await trainerOf(await tinyModel(), { seed: 1 }).stepOn(samples, load);
  expect(again).toEqual(first);
  expect(other.loss).not.toBe(first.loss);

  const trainer = trainerOf(await tinyModel());
  await trainer.stepOn(samples, load);
  const state = trainer.optimizer.state();
  const second = await trainer.stepOn(data.samplesAt(1, 2), load);
  const resumed = trainerOf(await tinyModel());
  resumed.optimizer.restore(state);
  expect(await resumed.stepOn(data.samplesAt(1, 2), load)).toEqual(second);
});

it('follows a schedule and clips', async () => {
  const data = await pictures();
  const sd = await tinyModel();
  const before = values(sd.unet.parameters);
  const trainer = trainerOf(sd, { schedule: (step) => step });
  const { learningRate } = await trainer.step(await data.batchAt(0, 1));
  expect(learningRate).toBe(0);
  expect(values(sd.unet.parameters)).toEqual(before);
  expect((await trainer.step(await data.batchAt(1, 1))).learningRate).toBe(trainer.optimizer.learningRate);
});

it('evaluates the same draws at every call and changes nothing', async () => {
  const data = await pictures();
  const sd = await tinyModel();
  const before = values(sd.unet.parameters);
  const trainer = trainerOf(sd);
  const load = data.load.bind(data);
  const loss = await trainer.evaluate(data.plainSamples(), load, 2);
  expect(await trainer.evaluate(data.plainSamples(), load, 2)).toBe(loss);
  expect(values(sd.unet.parameters)).toEqual(before);
});

it('weighs the losses of samples', async () => {
  const data = await pictures(2);
  const trainer = trainerOf(await tinyModel());
  const load = data.load.bind(data);
  const samples = data.plainSamples();
  const loss = await trainer.evaluate(samples, load, 1);
  const twice = await trainer.evaluate(
    samples.map((sample) => ({ ...sample, weight: 2 })),
    load,
    1,
  );
  expectAllclose([twice], [2 * loss], { rtol: 1e-6 });
  expect(withPrior(samples, samples, 0.3).map(({ weight }) => weight)).toEqual([2, 0.6, 2, 0.6]);
});

it('stops at a loss that is not finite, names the pictures, and leaves the weights alone', async () => {
  const data = await pictures();
  const sd = await tinyModel();
  const trainer = trainerOf(sd);
  await trainer.step(await data.batchAt(0, 2));
  sd.unet.parameters.get('conv_out.bias')!.data[0] = Number.NaN;
  const before = values(sd.unet.parameters);
  const batch = await data.batchAt(1, 2);
  const names = batch.samples.map(({ entry }) => entry.path.split('/').at(-1)).join(', ');
  const attempt = trainer.step(batch);
  await expect(attempt).rejects.toThrow(DivergenceError);
  await expect(attempt).rejects.toThrow(`the loss became NaN at step 2`);
  await expect(attempt).rejects.toThrow(names);
  expect(values(sd.unet.parameters)).toEqual(before);
  expect(trainer.optimizer.step).toBe(1);
});
