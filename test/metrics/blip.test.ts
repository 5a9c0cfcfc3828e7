/** BLIP: golden cases, captions and answers from folders of small models with a tokenizer of their own. */
import { describe, expect, it } from 'vitest';
import { runBlipCaptionCase, runBvqaCase } from '../../golden/blip.js';
import { BvqaScorer, Captioner, product, roundedScore, shareOfYes } from '../../src/metrics/index.js';
import { BLIP_ANSWERING } from '../../src/models/index.js';
import { expectAllclose } from '../support/allclose.js';
import { blipFolder } from '../support/blip-folder.js';

describe('golden cases', () => {
  it.each([
    ['bvqa', runBvqaCase, 6],
    ['blip-caption', runBlipCaptionCase, 3],
  ] as const)('%s', async (name, run, count) => {
    const checks = await run(`test/fixtures/metrics/${name}`);
    expect(checks).toHaveLength(count);
    expect(checks.filter(({ error, tolerance }) => !(error <= tolerance))).toEqual([]);
  });
});

const grey = (width: number, height: number, value: number) => ({
  width,
  height,
  data: new Uint8Array(3 * width * height).fill(value),
});

describe('captions', () => {
  it('are the same every time, differ between prompts and begin with theirs', async () => {
    const captioner = await Captioner.load(await blipFolder('blip-caption'));
    const picture = grey(50, 40, 90);
    const plain = await captioner.caption(picture);
    expect(plain).toMatch(/^w\d+( w\d+)*$/);
    expect(await captioner.caption(picture)).toBe(plain);
    const prompted = await captioner.caption(picture, { prompt: 'w5 w6', newTokens: 3 });
    expect(prompted).toMatch(/^w5 w6( w\d+){0,3}$/);
    await captioner.dispose();
  });
});

describe('B-VQA', () => {
  it('asks about each noun chunk', async () => {
    const scorer = await BvqaScorer.load(await blipFolder('bvqa'));
    const answers = await scorer.answers(grey(30, 30, 200), 'a red dog on a blue mat');
    await scorer.dispose();
    expect(answers.map(({ question }) => question)).toEqual(['a red dog?', 'a blue mat?']);
    expect(answers.every(({ yes }) => yes > 0 && yes < 1)).toBe(true);
  });

  it('scores by hand', () => {
    expectAllclose([shareOfYes(Float32Array.of(0, Math.log(3)), { yes: 1, no: 0 })], [0.75]);
    expect(product([0.5, 0.25])).toBe(0.125);
    expect(product([])).toBe(1);
    expectAllclose([roundedScore([0.12346, 0.5])], [0.0618], { rtol: 1e-9 });
  });
});

it('tells where pictures come in another size than the model takes', async () => {
  const folder = await blipFolder('blip-caption', 16);
  await expect((await Captioner.load(folder)).caption(grey(9, 9, 0))).rejects.toThrow(
    /expected pictures of 32×32 pixels .* makes 16×16/,
  );
});

it('refuses a captioner where an answerer is expected', async () => {
  await expect(BvqaScorer.load(await blipFolder('blip-caption'))).rejects.toThrow(
    /architectures.0 "BlipForConditionalGeneration" is not supported/,
  );
  expect(() =>
    BLIP_ANSWERING.parseConfig({ text_config: {}, vision_config: {}, model_type: 'blip-2' }),
  ).toThrow(/model_type "blip-2"/);
});
