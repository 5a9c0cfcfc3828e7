/** The golden cases metrics/bvqa and metrics/blip-caption: BLIP's towers, its answers, and its captions token by token. */
import {
  answerLogits,
  Blip,
  greedyCaption,
  product,
  roundedScore,
  shareOfYes,
} from '../src/metrics/index.js';
import { BLIP_ANSWERING, BLIP_CAPTIONING, loadNetwork } from '../src/models/index.js';
import { concatenate, type Tensor, tensor } from '../src/tensor/index.js';
import { elementAt, GoldenTensors, readDescription } from './case.js';
import { absMax, type Check, mismatches } from './check.js';

interface AnswerCase {
  ids: { yes: number; no: number };
  score: number;
  'score.rounded': number;
}

export async function runBvqaCase(folder: string): Promise<Check[]> {
  const given = await readDescription<AnswerCase>(folder);
  const golden = await GoldenTensors.read(folder, 'data.safetensors');
  const blip = new Blip(await loadNetwork(folder, 'blip', BLIP_ANSWERING));
  const [images, chunks, length] = golden.get('in.input_ids').shape as [number, number, number];
  const ids = golden.int32('in.input_ids').data;
  const mask = golden.int32('in.attention_mask').data;
  const logits = new Float32Array(golden.float32('out.logits').data.length);
  const vocabulary = logits.length / (images * chunks);
  const yes = new Float32Array(images * chunks).fill(1);
  const states: Tensor<'float32'>[] = [];
  for (let image = 0; image < images; image++) {
    states.push(await blip.imageStates(pictureAt(golden, image)));
    for (let chunk = 0; chunk < chunks; chunk++) {
      const row = image * chunks + chunk;
      const asked = Array.from(ids.subarray(row * length, (row + 1) * length));
      const visible = mask.subarray(row * length, (row + 1) * length).reduce((sum, one) => sum + one, 0);
      if (visible === 0) continue;
      const found = await answerLogits(blip, asked, states.at(-1)!, visible);
      logits.set(found, row * vocabulary);
      yes[row] = shareOfYes(found, given.ids);
    }
  }
  await blip.sessions.dispose();
  const perImage = Array.from({ length: images }, (_, i) =>
    Array.from(yes.subarray(i * chunks, (i + 1) * chunks)),
  );
  const scores = perImage.map(product);
  const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / images;
  const check = (
    quantity: string,
    actual: ArrayLike<number>,
    expected: ArrayLike<number>,
    tolerance: number,
  ) => ({
    quantity,
    error: absMax(actual, expected),
    tolerance,
  });
  const stored = (name: string) => golden.float32(name).data;
  return [
    check('out.image_embeds', concatenate(states).data, stored('out.image_embeds'), 3e-4),
    check('out.logits', logits, stored('out.logits'), 3e-4),
    check('out.p_yes', yes, stored('out.p_yes'), 1e-4),
    check('out.scores', scores, stored('out.scores'), 1e-4),
    check('score', [mean(scores)], [given.score], 1e-4),
    check('score.rounded', [mean(perImage.map(roundedScore))], [given['score.rounded']], 2e-4),
  ];
}

interface CaptionCase {
  ids: { pad: number; begin: number };
  prompt: number[];
}

export async function runBlipCaptionCase(folder: string): Promise<Check[]> {
  const given = await readDescription<CaptionCase>(folder);
  const golden = await GoldenTensors.read(folder, 'data.safetensors');
  const blip = new Blip(await loadNetwork(folder, 'blip', BLIP_CAPTIONING));
  const images = golden.get('in.pixel_values').shape[0]!;
  const captions = async (quantity: string, start: readonly number[]): Promise<Check> => {
    const { shape, data } = golden.int32(quantity);
    const length = shape[1]!;
    const rows: number[] = [];
    for (let image = 0; image < images; image++) {
      const ids = await greedyCaption(blip, pictureAt(golden, image), start, length - start.length);
      rows.push(...ids, ...new Array<number>(length - ids.length).fill(given.ids.pad));
    }
    return { quantity, error: mismatches(rows, data), tolerance: 0 };
  };
  const first: number[] = [];
  for (let image = 0; image < images; image++) {
    const states = await blip.imageStates(pictureAt(golden, image));
    first.push(...(await blip.nextLogits([given.ids.begin], states, 0)));
  }
  const checks = [
    await captions('out.captions', [given.ids.begin]),
    await captions('out.prompted', given.prompt),
    {
      quantity: 'out.first_logits',
      error: absMax(first, golden.float32('out.first_logits').data),
      tolerance: 2e-4,
    },
  ];
  await blip.sessions.dispose();
  return checks;
}

/** Pixels [1, 3, H, W] of one of the case's pictures. */
function pictureAt(golden: GoldenTensors, i: number): Tensor<'float32'> {
  const { shape, data } = elementAt(golden.get('in.pixel_values'), i);
  return tensor([1, ...shape], data as Float32Array);
}
