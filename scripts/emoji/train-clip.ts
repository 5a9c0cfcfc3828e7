/**
 * Trains the emoji CLIP, which measures what the emoji model draws: `tsx scripts/emoji/train-clip.ts <folder> <steps>`
 * on the pictures of `scripts/data/build.ts --all`; run it again to go on. It is a small model of our own and not OpenAI's CLIP.
 */
import { copyFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ClipTokenizer, writeFileAtomic } from '../../src/formats/index.js';
import { formatPythonJson } from '../../src/formats/python-json.js';
import { CLIP, initializeNetwork, saveNetwork } from '../../src/models/index.js';
import { AdamW } from '../../src/peft/index.js';
import { Random, tensor, tensorOf } from '../../src/tensor/index.js';
import { ContrastiveObjective } from '../../src/train/contrastive-objective.js';
import { MovingAverage } from '../../src/train/ema.js';
import { cosineSchedule } from '../../src/train/schedule.js';
import { Stepper } from '../../src/train/stepper.js';
import { type CaptionedPicture, captionedPictures, heldOutOfClip } from './clip-pictures.js';
import { retrieval } from './clip-retrieval.js';
import { EMOJI_CLIP, EMOJI_CLIP_PROCESSOR } from './configs.js';
import { TrainingRun } from './training-run.js';

const [folder = 'runs/emoji-clip', stepsText = '1600'] = process.argv.slice(2);
const STEPS = Number(stepsText);
const BATCH = 96;
const SEED = 1;
const LEARNING_RATE = 1e-3;
const TOKENIZER = 'models/emoji/tokenizer';
/** Beyond this factor on cosines the exponentials of the loss would vanish. */
const LARGEST_SCALE = 40;
/** Pixels by which a picture is moved at most, to each side. */
const SHIFT = 4;
const EVALUATE_EVERY = 250;

const clip = initializeNetwork('clip', CLIP, EMOJI_CLIP, SEED);
const tokenizer = await ClipTokenizer.load(TOKENIZER);
const optimizer = new AdamW(clip, { learningRate: LEARNING_RATE, betas: [0.9, 0.98], weightDecay: 0.05 });
const average = new MovingAverage([clip], 0.995);
const stepper = new Stepper(new ContrastiveObjective(clip), optimizer, { threads: 1 });
const schedule = cosineSchedule(STEPS, 100);

const pictures = await captionedPictures();
const training = pictures.filter(({ name }) => !heldOutOfClip(name));
const heldOut = pictures.filter(({ name }) => heldOutOfClip(name));
console.log(`${training.length} training pictures, ${heldOut.length} held out`);

const run = await TrainingRun.open(folder, optimizer, average);
while (optimizer.step < STEPS) {
  const learningRate = LEARNING_RATE * schedule(optimizer.step);
  const { loss } = await stepper.step([batchAt(optimizer.step)], { learningRate, maxGradientNorm: 1 });
  const logitScale = clip.parameters.get('logit_scale')!.data;
  logitScale[0] = Math.min(logitScale[0]!, Math.log(LARGEST_SCALE));
  average.update();
  run.stepped(loss, { every: 25, learningRate, scale: Math.exp(logitScale[0]!) });
  const { step } = optimizer;
  if (step % EVALUATE_EVERY === 0 || step === STEPS) await save();
}

/** Pictures, shifts and texts of a step, all drawn from its number. */
function batchAt(step: number) {
  const random = new Random(SEED, 'clip batch', step);
  const chosen = Array.from({ length: BATCH }, () => training[random.integer(0, training.length)]!);
  const data = new Float32Array(BATCH * 3 * 64 * 64);
  chosen.forEach(({ pixels }, i) => {
    const [dx, dy] = [random.integer(-SHIFT, SHIFT + 1), random.integer(-SHIFT, SHIFT + 1)];
    data.set(shifted(pixels, dx, dy), i * pixels.length);
  });
  const ids = chosen.flatMap((picture) => tokenizer.encode(textOf(picture, random)));
  return {
    pixels: tensor([BATCH, 3, 64, 64], data),
    ids: tensorOf('int32', [BATCH, tokenizer.modelMaxLength], Int32Array.from(ids)),
  };
}

/** One of the picture's captions, now and then with a tag; with its style after it, before it or not at all. */
function textOf({ captions, tags, style }: CaptionedPicture, random: Random): string {
  const caption = captions[random.integer(0, captions.length)]!;
  const tagged = tags.length > 0 && random.next() < 0.25;
  const what = tagged ? `${caption}, ${tags[random.integer(0, tags.length)]}` : caption;
  const draw = random.next();
  if (draw < 0.2) return what;
  return draw < 0.4 ? `${style} style, ${what}` : `${what}, ${style} style`;
}

/** A picture [3, 64, 64] moved to the right and down; its border pixels fill what comes free. */
function shifted(pixels: Float32Array, dx: number, dy: number): Float32Array {
  const out = new Float32Array(pixels.length);
  const within = (at: number) => Math.min(63, Math.max(0, at));
  for (let row = 0; row < 3 * 64; row++) {
    const from = 64 * (row - (row % 64) + within((row % 64) - dy));
    for (let x = 0; x < 64; x++) out[64 * row + x] = pixels[from + within(x - dx)]!;
  }
  return out;
}

/** Writes what the run goes on from, the averaged weights as a folder of CLIPModel, and how well held-out pictures find their texts. */
async function save(): Promise<void> {
  await run.save();
  const target = join(folder, 'model');
  await saveNetwork(target, { ...clip, parameters: average.of(clip) }, { dtype: 'float16' });
  await writeFileAtomic(join(target, 'preprocessor_config.json'), formatPythonJson(EMOJI_CLIP_PROCESSOR));
  for (const name of [
    'vocab.json',
    'merges.txt',
    'tokenizer_config.json',
    'special_tokens_map.json',
    'LICENSE.open_clip',
  ])
    await copyFile(join(TOKENIZER, name), join(target, name));
  run.log({ ...(await retrieval(target, heldOut)) });
}
