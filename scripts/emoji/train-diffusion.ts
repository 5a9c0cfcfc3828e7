/**
 * Trains the emoji model's UNet and text encoder on the Noto and Twemoji pictures:
 * `tsx scripts/emoji/train-diffusion.ts <folder> <vae folder> <tokenizer folder> <steps> <threads>`; run it again to go on.
 */
import { join } from 'node:path';
import { noiseSchedule } from '../../src/diffusion/index.js';
import { contactSheet } from '../../src/formats/contact-sheet.js';
import { writePng } from '../../src/formats/images.js';
import { generate } from '../../src/generate/index.js';
import { loadNetwork, StableDiffusion, saveStableDiffusion, VAE } from '../../src/models/index.js';
import { AdamW } from '../../src/peft/index.js';
import { Random, sizeOf, tensor } from '../../src/tensor/index.js';
import { DiffusionObjective } from '../../src/train/diffusion-objective.js';
import { MovingAverage } from '../../src/train/ema.js';
import { cosineSchedule } from '../../src/train/schedule.js';
import { Stepper } from '../../src/train/stepper.js';
import { SCHEDULER, TEXT_ENCODER, UNET } from './configs.js';
import { conceptCaptions, loadPictures, type Picture } from './pictures.js';
import { TrainingRun } from './training-run.js';

const [folder, vaeFolder, tokenizer, stepsText, threadsText] = process.argv.slice(2) as [
  string,
  string,
  string,
  string,
  string,
];
const STEPS = Number(stepsText);
const BATCH = 16;
const SEED = 1;
const LEARNING_RATE = 2e-3;
const CAPTION_DROPOUT = 0.1;
const STYLE_FIRST = 0.25;
/** Concepts at the head of scripts/data/concepts.json that make up most of what is shown, and their share. */
const FOCUS_CONCEPTS = 60;
const FOCUS_SHARE = 0.85;
const SAVE_EVERY = 250;
const PROMPTS = [
  ...['a red apple', 'a dog face', 'a rocket', 'a slice of pizza', 'a rainbow', 'a guitar'],
  ...['an octopus', 'a bicycle', 'a mushroom', 'a castle', 'a crown', 'a sunflower'],
];

const runtime = { threads: Number(threadsText) };
const vae = await loadNetwork(vaeFolder, 'vae', VAE);
const configs = { unet: UNET, textEncoder: TEXT_ENCODER, vae: vae.json, scheduler: SCHEDULER, tokenizer };
const drawn = await StableDiffusion.initialize(configs, SEED);
const sd = new StableDiffusion({ ...drawn, vae }, runtime);
const networks = [sd.unet, sd.textEncoder];
const optimizer = new AdamW(networks, { learningRate: LEARNING_RATE, betas: [0.9, 0.99], weightDecay: 1e-2 });
const average = new MovingAverage(networks, 0.999);
const objective = new DiffusionObjective(sd.unet, noiseSchedule(sd.schedulerConfig), {
  textEncoder: sd.textEncoder,
});
const stepper = new Stepper(objective, optimizer, runtime);
const schedule = cosineSchedule(STEPS, 100);

const pictures: Picture[] = [];
for (const style of ['noto', 'twemoji']) pictures.push(...(await loadPictures(`data/${style}`, style)));
const latentShape = [16, 8, 8];
const latentSize = sizeOf(latentShape);
const latents: Float32Array[] = [];
for (const { pixels } of pictures) latents.push((await sd.encodeImages(tensor([1, 3, 64, 64], pixels))).data);
const head = new Set((await conceptCaptions()).slice(0, FOCUS_CONCEPTS));
const everything = [...pictures.keys()];
const focus = everything.filter((i) => head.has(pictures[i]!.caption));
console.log(`${pictures.length} pictures, ${focus.length} of them shown most`);

const run = await TrainingRun.open(folder, optimizer, average);
while (optimizer.step < STEPS) {
  const step = optimizer.step;
  const learningRate = LEARNING_RATE * schedule(step);
  const { loss } = await stepper.step([batchAt(step)], { learningRate, maxGradientNorm: 1 });
  average.update();
  run.stepped(loss, { every: 50, learningRate });
  if (optimizer.step % SAVE_EVERY === 0 || optimizer.step === STEPS) await save();
}

/** Pictures, captions, noise and timesteps of a step, all drawn from its number; the timesteps are spread evenly. */
function batchAt(step: number) {
  const random = new Random(SEED, 'diffusion batch', step);
  const chosen = Array.from({ length: BATCH }, () => {
    const from = random.next() < FOCUS_SHARE ? focus : everything;
    return from[random.integer(0, from.length)]!;
  });
  const data = new Float32Array(BATCH * latentSize);
  chosen.forEach((picture, i) => {
    data.set(latents[picture]!, i * latentSize);
  });
  const captions = chosen.map((picture) => captionOf(pictures[picture]!, random.next()));
  const shape = [BATCH, ...latentShape];
  return {
    latents: tensor(shape, data),
    noise: tensor(shape, random.normal(data.length)),
    timesteps: Int32Array.from({ length: BATCH }, (_, i) => Math.floor(((i + random.next()) / BATCH) * 1000)),
    condition: sd.tokenize(captions),
  };
}

function captionOf({ caption, style }: Picture, draw: number): string {
  if (draw < CAPTION_DROPOUT) return '';
  return draw < CAPTION_DROPOUT + STYLE_FIRST ? `${style} style, ${caption}` : `${caption}, ${style} style`;
}

async function save(): Promise<void> {
  await run.save();
  const averaged = new StableDiffusion(
    {
      ...sd,
      unet: { ...sd.unet, parameters: average.of(sd.unet) },
      textEncoders: sd.textEncoders.map((encoder) => ({
        ...encoder,
        network: { ...encoder.network, parameters: average.of(encoder.network) },
      })),
    },
    runtime,
  );
  await saveStableDiffusion(join(folder, 'model'), averaged, { dtype: 'float16' });
  const prompt = ['noto', 'twemoji'].flatMap((style) => PROMPTS.map((text) => `${text}, ${style} style`));
  const images = await generate(averaged, { prompt, steps: 20, guidance: 3, seed: 1, batchSize: 12 });
  await writePng(join(folder, 'samples.png'), contactSheet(images, { columns: 12, scale: 2 }));
  await writePng(
    join(folder, `samples-${String(optimizer.step).padStart(5, '0')}.png`),
    contactSheet(images, { columns: 12 }),
  );
  await averaged.dispose();
}
