/** The loss of a CLIP: cross-entropies computed by hand from the same vectors, and a few steps that lower it. */
import { expect, it } from 'vitest';
import { ClipEncoder, clipLogits, unitRows } from '../../src/metrics/index.js';
import { CLIP, loadNetwork } from '../../src/models/index.js';
import { AdamW } from '../../src/peft/index.js';
import { Random, type Tensor, tensor, tensorOf } from '../../src/tensor/index.js';
import { ContrastiveObjective } from '../../src/train/contrastive-objective.js';
import { Stepper } from '../../src/train/stepper.js';
import { expectAllclose } from '../support/allclose.js';

const FOLDER = 'test/fixtures/metrics/clip-score';
const TEXTS = ['a red boat', 'two foxes', 'an old clock'];

/** A network's small factor, as new models have it: beyond about 40 the loss would vanish. */
async function network() {
  const clip = await loadNetwork(FOLDER, 'clip', CLIP);
  clip.parameters.get('logit_scale')!.data[0] = Math.log(7);
  return clip;
}

async function batch() {
  const { tokenizer } = await ClipEncoder.load(FOLDER);
  const ids = TEXTS.flatMap((text) => tokenizer.encode(text));
  return {
    pixels: tensor([3, 3, 32, 32], new Random(3, 'pictures').normal(3 * 3 * 32 * 32)),
    ids: tensorOf('int32', [3, tokenizer.modelMaxLength], Int32Array.from(ids)),
  };
}

it('is the mean of both cross-entropies', async () => {
  const clip = await ClipEncoder.load(FOLDER);
  const given = await batch();
  const images = unitRows(await clip.imageFeatures(given.pixels));
  const texts = await clip.encodeTexts(TEXTS);
  await clip.dispose();
  const row = ({ data, shape }: Tensor<'float32'>, i: number) =>
    tensor([1, shape[1]!], data.subarray(i * shape[1]!, (i + 1) * shape[1]!));
  const logits = [0, 1, 2].map((i) => [0, 1, 2].map((j) => clipLogits(row(images, i), row(texts, j), 7)[0]!));
  const entropy = (values: number[], own: number) =>
    Math.log(values.reduce((sum, value) => sum + Math.exp(value), 0)) - values[own]!;
  const both = [0, 1, 2].map(
    (i) =>
      entropy(logits[i]!, i) +
      entropy(
        logits.map((of) => of[i]!),
        i,
      ),
  );
  const expected = both.reduce((sum, value) => sum + value, 0) / 6;

  const trained = await network();
  const stepper = new Stepper(new ContrastiveObjective(trained), new AdamW(trained));
  expectAllclose([await stepper.evaluate(given)], [expected], { rtol: 1e-5 });
  await stepper.dispose();
});

it('falls when a few steps are made on one batch', async () => {
  const clip = await network();
  const stepper = new Stepper(new ContrastiveObjective(clip), new AdamW(clip, { learningRate: 3e-3 }));
  const given = await batch();
  const losses: number[] = [];
  for (let i = 0; i < 8; i++) losses.push((await stepper.step([given])).loss);
  await stepper.dispose();
  expect(losses.at(-1)!).toBeLessThan(0.3 * losses[0]!);
});
