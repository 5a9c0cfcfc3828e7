/** The metrics that `openMetrics` makes of models: their numbers, names, and what they leave out. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { InputError } from '../../src/errors.js';
import { readImage } from '../../src/formats/index.js';
import {
  BvqaScorer,
  ClipEncoder,
  isStandardClip,
  lacking,
  type Measurement,
  measurementLabel,
  openMetrics,
  type Picture,
  type PictureSets,
} from '../../src/metrics/index.js';
import { CLIP } from '../../src/models/index.js';
import { expectAllclose } from '../support/allclose.js';
import { blipFolder } from '../support/blip-folder.js';
import { temporaryFolder } from '../support/temporary.js';

const FOLDER = 'test/fixtures/metrics/clip-score';
const golden = JSON.parse(await readFile(`${FOLDER}/case.json`, 'utf8'));

const pictures = (names: string[], captions: string[] = []): Picture[] =>
  names.map((name, i) => ({ path: join(FOLDER, name), caption: captions[i] ?? '' }));

const SETS: PictureSets = {
  real: pictures(golden.references),
  generated: pictures(
    golden.images,
    golden.prompts.map((prompt: string) => golden.prefix + prompt),
  ),
};
const uncaptioned = SETS.generated.map(({ path }) => ({ path, caption: '' }));

async function measure(sets: PictureSets, models: Parameters<typeof openMetrics>[0], cache?: string) {
  let looked = 0;
  const found: Measurement[] = [];
  let expected = 0;
  for (const metric of await openMetrics(models, { cache })) {
    expected += metric.pictures(sets);
    found.push(...(await metric.measure(sets, () => void looked++)));
    await metric.dispose();
  }
  expect(looked).toBe(expected);
  return new Map(found.map((one) => [one.name, one]));
}

describe('CLIP', () => {
  it("gives the reference's numbers, by folder, and keeps features", async () => {
    const cache = await temporaryFolder();
    const first = await measure(SETS, { clip: FOLDER, resize: 'official' }, cache);
    expect([...first.keys()]).toEqual([
      'CLIP score',
      'CLIP-T',
      'CLIP-I',
      'CLIP Fréchet distance',
      'CLIP kernel distance',
    ]);
    const value = (name: Measurement['name']) => first.get(name)!.value;
    expectAllclose([value('CLIP score')], [golden.clip_score], { atol: 2e-4, reason: 'as the golden case' });
    expectAllclose([value('CLIP-T')], [golden.clip_t], { atol: 2e-4, reason: 'as the golden case' });
    expectAllclose([value('CLIP-I')], [golden.clip_i], { atol: 2e-6 });
    expect(first.get('CLIP-I')!.details).toEqual({ real: 3, generated: 4 });
    expect([...first.values()].map(measurementLabel)).toContain('CLIP score (clip-score)');
    const again = await measure(SETS, { clip: FOLDER, resize: 'official' }, cache);
    expect([...again]).toEqual([...first]);
    const plain = await measure(SETS, { clip: FOLDER }, cache);
    expect(plain.get('CLIP-I')!.value).not.toBe(value('CLIP-I'));
  });

  it('has the distances that follow by hand for two pictures in each set', async () => {
    const two = { real: SETS.real.slice(0, 2), generated: SETS.generated.slice(0, 2) };
    const found = await measure(two, { clip: FOLDER });
    const clip = await ClipEncoder.load(FOLDER);
    const images = await Promise.all([...two.real, ...two.generated].map(({ path }) => readImage(path)));
    const { shape, data } = await clip.encodeImages(images);
    await clip.dispose();
    const width = shape[1]!;
    const [a, b, c, d] = [0, 1, 2, 3].map((i) => [...data.subarray(i * width, (i + 1) * width)]) as [
      number[],
      number[],
      number[],
      number[],
    ];
    const dot = (x: number[], y: number[]) => x.reduce((sum, value, i) => sum + value * y[i]!, 0);
    const minus = (x: number[], y: number[]) => x.map((value, i) => value - y[i]!);
    // Of two points, the covariance is ddᵀ/2 with d their difference, so tr √(Σ₁Σ₂) = |d₁·d₂|/2.
    const shift = minus(a, c).map((value, i) => (value + b[i]! - d[i]!) / 2);
    const [first, second] = [minus(a, b), minus(c, d)];
    const frechet =
      dot(shift, shift) + dot(first, first) / 2 + dot(second, second) / 2 - Math.abs(dot(first, second));
    const k = (x: number[], y: number[]) => (dot(x, y) / width + 1) ** 3;
    const kernel = k(a, b) + k(c, d) - (k(a, c) + k(a, d) + k(b, c) + k(b, d)) / 2;
    const values = ['CLIP Fréchet distance', 'CLIP kernel distance'].map((name) => found.get(name as never));
    expectAllclose(
      values.map((one) => one!.value),
      [frechet, kernel],
      { atol: 1e-6 },
    );
    expect(values[0]).toMatchObject({ model: 'clip-score', better: 'lower' });
  });

  it('leaves out what the sets do not allow', async () => {
    const names = async (sets: PictureSets) => [...(await measure(sets, { clip: FOLDER })).keys()];
    expect(await names({ ...SETS, real: [] })).toEqual(['CLIP score', 'CLIP-T']);
    expect(await names({ real: SETS.real.slice(0, 1), generated: uncaptioned })).toEqual(['CLIP-I']);
    const partly = [...SETS.generated.slice(1), uncaptioned[0]!];
    expect((await names({ ...SETS, generated: partly }))[0]).toBe('CLIP-I');
    expect(lacking('CLIP score', { ...SETS, generated: partly })).toBe(
      'captions of all generated pictures, and 1 of 4 have none',
    );
    await expect(names({ real: [], generated: uncaptioned })).rejects.toThrow(InputError);
    await expect(names({ real: [], generated: uncaptioned })).rejects.toThrow(
      'CLIP score, CLIP-T need captions of all generated pictures, and 4 of 4 have none; ' +
        'CLIP-I needs real pictures, and there are none; CLIP Fréchet distance, CLIP kernel distance need ' +
        'at least 2 real pictures, and there are none; add what is missing',
    );
  });

  it("is called CLIP without more only where it has the shape of OpenAI's ViT-L/14", () => {
    const shape = { hidden_size: 1024, num_hidden_layers: 24, patch_size: 14, num_attention_heads: 16 };
    const standard = (changes: object, projection_dim = 768) =>
      isStandardClip(
        CLIP.parseConfig({ text_config: {}, vision_config: { ...shape, ...changes }, projection_dim }),
      );
    expect(standard({})).toBe(true);
    expect(standard({}, 512)).toBe(false);
    for (const change of [
      { hidden_size: 768 },
      { num_hidden_layers: 12 },
      { patch_size: 16 },
      { image_size: 336 },
      { hidden_act: 'gelu' },
    ])
      expect(standard(change)).toBe(false);
  });
});

it('takes the mean of the products of what BLIP answers, and says how much it asked', async () => {
  const blip = await blipFolder('bvqa');
  const generated = SETS.generated.slice(0, 2).map(({ path }, i) => ({
    path,
    caption: ['a red dog on a blue mat', 'a cat'][i]!,
  }));
  const { 'B-VQA': found } = Object.fromEntries(await measure({ real: [], generated }, { blip }));
  const scorer = await BvqaScorer.load(blip);
  const yes: number[] = [];
  for (const { path, caption } of generated) {
    for (const answer of await scorer.answers(await readImage(path), caption)) yes.push(answer.yes);
  }
  await scorer.dispose();
  expectAllclose([found!.value], [(yes[0]! * yes[1]! + yes[2]!) / 2]);
  expect(found!.details).toEqual({ generated: 2, questions: 3 });
  expect(measurementLabel(found!)).toMatch(/^B-VQA \(blip-\w+\)$/);
  await expect(measure({ real: [], generated: uncaptioned }, { blip })).rejects.toThrow(
    'B-VQA needs captions of all generated pictures, and 4 of 4 have none; add what is missing',
  );
});

it('frees the metrics before the one that cannot be read', async () => {
  await expect(openMetrics({ clip: FOLDER, blip: 'nowhere' })).rejects.toThrow(/nowhere/);
});
