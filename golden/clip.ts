/** The golden cases clip/* and metrics/clip-score: both towers of CLIP, the image processor to the byte, and the scores. */
import { join } from 'node:path';
import { readImage } from '../src/formats/index.js';
import {
  ClipEncoder,
  clipI,
  clipLogits,
  clipScore,
  clipT,
  clipText,
  officialResize,
  unitRows,
} from '../src/metrics/index.js';
import {
  CLIP,
  type ClipConfig,
  clipImageFeatures,
  clipTextFeatures,
  clipVisionModel,
  ImageProcessor,
  loadNetwork,
  pooledRows,
  SessionCache,
} from '../src/models/index.js';
import type { Network } from '../src/nn/index.js';
import { concatenate, type Tensor, tensor } from '../src/tensor/index.js';
import { GoldenTensors, readDescription } from './case.js';
import { absMax, type Check, mismatches } from './check.js';

/** The size of the bytes that the case has: that of published models. */
const PUBLISHED = { do_center_crop: true, size: { shortest_edge: 224 } };

export async function runClipCase(folder: string): Promise<Check[]> {
  const { image_order } = await readDescription<{ image_order: string[] }>(folder);
  const golden = await GoldenTensors.read(folder);
  const small = await ImageProcessor.load(folder);
  const large = ImageProcessor.of(PUBLISHED);
  const checks: Check[] = [];
  const pixels: Tensor<'float32'>[] = [];
  for (const name of image_order) {
    const image = await readImage(join(folder, `${name}.png`));
    const expected = golden.get(`out.bytes_224.${name}`).data as Uint8Array;
    const { data } = large.resize(image);
    const planes = Uint8Array.from(
      expected,
      (_, i) => data[3 * (i % (224 * 224)) + Math.floor(i / (224 * 224))]!,
    );
    checks.push({ quantity: `out.bytes_224.${name}`, error: mismatches(planes, expected), tolerance: 0 });
    const rows = `out.pixel_values_224.${name}_rows_0_7`;
    if (golden.has(rows)) checks.push(absolute(rows, firstRows(large.process(image), 8), golden, 2e-6));
    pixels.push(small.process(image));
  }
  checks.push(absolute('in.pixel_values', concatenate(pixels), golden, 2e-6));
  return [...checks, ...(await towerChecks(await loadNetwork(folder, 'clip', CLIP), golden))];
}

const absolute = (quantity: string, { data }: Tensor, golden: GoldenTensors, tolerance: number): Check => ({
  quantity,
  error: absMax(data as Float32Array, golden.float32(quantity).data),
  tolerance,
});

/** Rows 0 … count − 1 of each plane of [1, 3, H, W]. */
function firstRows({ shape, data }: Tensor<'float32'>, count: number): Tensor<'float32'> {
  const [, planes, height, width] = shape as [number, number, number, number];
  const parts = Array.from({ length: planes }, (_, c) =>
    tensor([1, count, width], data.subarray(c * height * width, (c * height + count) * width)),
  );
  return concatenate(parts);
}

async function towerChecks(network: Network<ClipConfig>, golden: GoldenTensors): Promise<Check[]> {
  const { config } = network;
  const ids = golden.int32('in.input_ids');
  const inputs = {
    ids,
    rows: pooledRows(config.text_config, ids),
    pixels: golden.float32('in.pixel_values'),
  };
  const sessions = new SessionCache({});
  const found = await sessions.run(network, 'both towers', inputs, (scope, values) => {
    const vision = clipVisionModel(scope.at('vision_model'), config.vision_config, values.pixels);
    return {
      'out.vision_last_hidden_state': vision.lastHiddenState,
      'out.vision_pooler_output': vision.pooled,
      'out.image_features': clipImageFeatures(scope, config, values.pixels),
      text: clipTextFeatures(scope, config, values.ids, values.rows),
    };
  });
  await sessions.dispose();
  const images = unitRows(found.get('out.image_features')!);
  const texts = unitRows(found.get('text')!);
  const scale = Math.exp(network.parameters.get('logit_scale')!.data[0]!);
  const [count, other] = [images.shape[0]!, texts.shape[0]!];
  const logits = Float32Array.from({ length: count * other }, (_, i) => {
    const [image, text] = [rowOf(images, Math.floor(i / other)), rowOf(texts, i % other)];
    return clipScore(image, text, scale);
  });
  const computed = {
    ...Object.fromEntries(found),
    'out.image_embeds': images,
    'out.text_embeds': texts,
    'out.logits_per_image': tensor([count, other], logits),
  };
  return golden.compare(computed, 1e-5);
}

function rowOf({ shape, data }: Tensor<'float32'>, row: number): Tensor<'float32'> {
  const width = shape[1]!;
  return tensor([1, width], data.subarray(row * width, (row + 1) * width));
}

interface ScoreCase {
  prefix: string;
  prompts: string[];
  images: string[];
  references: string[];
  input_ids: number[][];
  'input_ids.quoted_prefix': number[][];
  clip_score: number;
  'clip_score.quoted_prefix': number;
  clip_i: number;
  clip_t: number;
}

export async function runClipScoreCase(folder: string): Promise<Check[]> {
  const given = await readDescription<ScoreCase>(folder);
  const golden = await GoldenTensors.read(folder, 'data.safetensors');
  const clip = await ClipEncoder.load(folder);
  try {
    const read = (names: string[]) => Promise.all(names.map((name) => readImage(join(folder, name))));
    const resized = (await read(given.images)).map(officialResize);
    const references = (await read(given.references)).map(officialResize);
    const textsOf = (quoted: boolean) =>
      given.prompts.map((prompt) => clipText(given.prefix, prompt, { quoted }));
    const ids = (quoted: boolean) => textsOf(quoted).map((text) => clip.tokenizer.encodeUntruncated(text));
    const texts = await clip.encodeTexts(textsOf(false));
    const quoted = await clip.encodeTexts(textsOf(true));
    const images = unitRows(await clip.imageFeatures(golden.float32('in.pixel_values')));
    const shown = unitRows(await clip.imageFeatures(golden.float32('in.reference_pixel_values')));
    const logits = (of: Tensor<'float32'>) =>
      tensor([of.shape[0]!], Float32Array.from(clipLogits(images, of, clip.scale)));
    const wide = clip.processor.process(await readImage(join(folder, 'wide.png')));
    const seen = await clip.encodeImages(resized);
    const value = (quantity: string, actual: number, expected: number, tolerance: number): Check => ({
      quantity,
      error: Math.abs(actual - expected),
      tolerance,
    });
    return [
      { quantity: 'input_ids', error: mismatches(ids(false).flat(), given.input_ids.flat()), tolerance: 0 },
      {
        quantity: 'input_ids.quoted_prefix',
        error: mismatches(ids(true).flat(), given['input_ids.quoted_prefix'].flat()),
        tolerance: 0,
      },
      absolute('out.text_embeds', texts, golden, 2e-6),
      absolute('out.image_embeds', images, golden, 2e-6),
      absolute('out.reference_embeds', shown, golden, 2e-6),
      absolute('out.logits_per_image', logits(texts), golden, 2e-4),
      absolute('out.logits_per_image.quoted_prefix', logits(quoted), golden, 2e-4),
      value('clip_score', clipScore(images, texts, clip.scale), given.clip_score, 2e-4),
      value(
        'clip_score.quoted_prefix',
        clipScore(images, quoted, clip.scale),
        given['clip_score.quoted_prefix'],
        2e-4,
      ),
      value('clip_i', clipI(images, shown), given.clip_i, 2e-6),
      value('clip_t', clipT(images, texts), given.clip_t, 2e-4),
      absolute('out.wide_pixel_values', wide, golden, 2e-6),
      absolute(
        'in.pixel_values',
        concatenate(resized.map((image) => clip.processor.process(image))),
        golden,
        2e-6,
      ),
      value('clip_score from the pictures', clipScore(seen, texts, clip.scale), given.clip_score, 2e-4),
      value('clip_i from the pictures', clipI(seen, await clip.encodeImages(references)), given.clip_i, 2e-6),
    ];
  } finally {
    await clip.dispose();
  }
}
