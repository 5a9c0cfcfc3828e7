/** CLIP as a measure: golden cases, pairing by id, the official prefix defect, and what its files may say. */
import { describe, expect, it } from 'vitest';
import { runClipCase, runClipScoreCase } from '../../golden/clip.js';
import { InputError } from '../../src/errors.js';
import { readImage } from '../../src/formats/index.js';
import { ClipEncoder, clipI, clipScore, clipT, clipText, pairById } from '../../src/metrics/index.js';
import { CLIP } from '../../src/models/index.js';
import { tensor } from '../../src/tensor/index.js';
import { expectAllclose } from '../support/allclose.js';

const FOLDER = 'test/fixtures/metrics/clip-score';

describe('golden cases', () => {
  it.each([
    ['clip/full', runClipCase, 11],
    ['metrics/clip-score', runClipScoreCase, 15],
  ] as const)('%s', async (name, run, count) => {
    const checks = await run(`test/fixtures/${name}`);
    expect(checks).toHaveLength(count);
    expect(checks.filter(({ error, tolerance }) => !(error <= tolerance))).toEqual([]);
  });
});

describe('scores', () => {
  // Unit vectors at 0°, 60° and 90°.
  const images = tensor([2, 2], Float32Array.of(1, 0, 0.5, Math.sqrt(0.75)));
  const texts = tensor([2, 2], Float32Array.of(1, 0, 0, 1));

  it('are means of cosines, known by hand', () => {
    const second = Math.sqrt(0.75);
    expectAllclose([clipScore(images, texts, 10)], [(10 * (1 + second)) / 2]);
    expectAllclose([clipT(images, texts)], [(100 * (1 + second)) / 2]);
    expectAllclose([clipI(images, texts)], [(1 + 0 + 0.5 + second) / 4]);
  });

  it('quote the prefix only where the defect is asked for', () => {
    expect(clipText('X style, ', 'a dog')).toBe('X style, a dog');
    expect(clipText('X style, ', 'a dog', { quoted: true })).toBe('"X style, "a dog');
    expect(clipText('', 'a dog', { quoted: true })).toBe('a dog');
  });
});

describe('pairById', () => {
  const pictures = new Map([
    ['b', 2],
    ['a', 1],
  ]);

  it('pairs by id, whatever the order', () => {
    const pairs = pairById(pictures, new Map(Object.entries({ a: 'first', b: 'second' })));
    expect(pairs).toEqual([
      { id: 'b', picture: 2, prompt: 'second' },
      { id: 'a', picture: 1, prompt: 'first' },
    ]);
  });

  it('refuses what has no partner instead of shifting the rest', () => {
    expect(() => pairById(pictures, new Map([['a', 'first']]))).toThrow(InputError);
    expect(() => pairById(pictures, new Map([['a', 'first']]))).toThrow(
      /a prompt for every picture, but "b"/,
    );
    const prompts = new Map(Object.entries({ a: '1', b: '2', c: '3', d: '4' }));
    expect(() => pairById(pictures, prompts)).toThrow(/a picture for every prompt, but "c" and 1 more/);
  });
});

it('gives the same vector for a padded text as for the bare one', async () => {
  const clip = await ClipEncoder.load(FOLDER);
  const text = 'a red boat';
  const padded = await clip.encodeTexts([text]);
  const bare = await clip.encodeIds(clip.tokenizer.encodeUntruncated(text));
  await clip.dispose();
  expectAllclose(padded.data, bare.data, { atol: 1e-6 });
});

it('gives each picture the same vector alone and among others', async () => {
  const clip = await ClipEncoder.load(FOLDER);
  const pictures = [await readImage(`${FOLDER}/wide.png`), await readImage(`${FOLDER}/generated0.png`)];
  const both = await clip.encodeImages(pictures);
  const alone = await clip.encodeImages([pictures[1]!]);
  await clip.dispose();
  expect([...alone.data]).toEqual([...both.data.subarray(alone.data.length)]);
});

describe('config.json', () => {
  it.each([
    [{ model_type: 'siglip' }, /model_type "siglip" is not supported/],
    [{ vision_config: { image_size: 30, patch_size: 8 } }, /patch_size 8 .*divisor of image_size, 30/],
    [{ text_config: { hidden_act: 'relu6' } }, /text_config.hidden_act "relu6"/],
  ])('refuses %j', (json, message) => {
    const whole = { text_config: {}, vision_config: {}, ...json };
    expect(() => CLIP.parseConfig(whole)).toThrow(InputError);
    expect(() => CLIP.parseConfig(whole)).toThrow(message);
  });
});
