/**
 * Trains the emoji model's autoencoder: `tsx scripts/emoji/train-autoencoder.ts <folder> <steps> [<vae folder>]`; run it
 * again to go on. With the folder of a trained autoencoder only the decoder trains on, so that its latents stay.
 */
import { join } from 'node:path';
import { contactSheet } from '../../src/formats/contact-sheet.js';
import { fromUnit, writePng } from '../../src/formats/images.js';
import { graphOf, input } from '../../src/graph/index.js';
import {
  initializeNetwork,
  loadNetwork,
  momentsToGaussian,
  saveNetwork,
  VAE,
  vaeDecode,
  vaeEncode,
} from '../../src/models/index.js';
import { type Network, parameterFeeds, Scope } from '../../src/nn/index.js';
import { compile, slice } from '../../src/ops/index.js';
import { AdamW } from '../../src/peft/index.js';
import { Random, type Tensor, tensor } from '../../src/tensor/index.js';
import { AutoencoderObjective } from '../../src/train/autoencoder-objective.js';
import { MovingAverage } from '../../src/train/ema.js';
import { cosineSchedule } from '../../src/train/schedule.js';
import { Stepper } from '../../src/train/stepper.js';
import { heldOutHexcodes, loadPictures, type Picture } from './pictures.js';
import { TrainingRun } from './training-run.js';

const [folder = 'runs/emoji-vae', stepsText = '6000', trainedVae] = process.argv.slice(2);
const STEPS = Number(stepsText);
const BATCH = 8;
const SEED = 1;
const LEARNING_RATE = trainedVae ? 1.5e-3 : 3e-3;
const SAVE_EVERY = 250;
/** Share of pictures whose colour channels are exchanged at random: without it green and pink are learned late. */
const PERMUTED = 0.5;
const ORDERS = [
  [0, 1, 2],
  [0, 2, 1],
  [1, 0, 2],
  [1, 2, 0],
  [2, 0, 1],
  [2, 1, 0],
];

const CONFIG = {
  _class_name: 'AutoencoderKL',
  act_fn: 'silu',
  block_out_channels: [16, 32, 64, 96],
  down_block_types: Array(4).fill('DownEncoderBlock2D'),
  up_block_types: Array(4).fill('UpDecoderBlock2D'),
  in_channels: 3,
  out_channels: 3,
  latent_channels: 16,
  layers_per_block: 1,
  norm_num_groups: 8,
  sample_size: 64,
  scaling_factor: 1,
};

const vae = trainedVae
  ? await loadNetwork(trainedVae, 'vae', VAE)
  : initializeNetwork('vae', VAE, CONFIG, SEED);
if (!trainedVae) initializeForReconstruction(vae);
const ofDecoder = (key: string) => /^(decoder|post_quant_conv)\./.test(key);
const optimizer = new AdamW(vae, {
  learningRate: LEARNING_RATE,
  betas: [0.9, 0.99],
  weightDecay: 1e-4,
  parameters: trainedVae ? ofDecoder : () => true,
});
const average = new MovingAverage([vae], 0.998);
const stepper = new Stepper(new AutoencoderObjective(vae), optimizer, { threads: 1 });
const schedule = cosineSchedule(STEPS, 50);

const heldOut = await heldOutHexcodes();
const training: Picture[] = [];
for (const style of ['noto', 'twemoji']) training.push(...(await loadPictures(`data/all/${style}`, style)));
const test: Picture[] = [];
for (const style of ['fluent-3d', 'fluent-flat']) {
  training.push(...(await loadPictures(`data/all/${style}`, style, (name) => !heldOut.has(name))));
  test.push(...(await loadPictures(`data/all/${style}`, style, (name) => heldOut.has(name))));
}
console.log(`${training.length} training pictures, ${test.length} held out`);

const run = await TrainingRun.open(folder, optimizer, average);
while (optimizer.step < STEPS) {
  const step = optimizer.step;
  const random = new Random(SEED, 'autoencoder batch', step);
  const chosen = Array.from({ length: BATCH }, () => {
    const picture = training[random.integer(0, training.length)]!;
    return random.next() < PERMUTED
      ? exchangeColours(picture, ORDERS[random.integer(0, ORDERS.length)]!)
      : picture;
  });
  const batch = { pixels: stack(chosen), noise: tensor([BATCH, 16, 8, 8], random.normal(BATCH * 16 * 64)) };
  const learningRate = LEARNING_RATE * schedule(step);
  const { loss } = await stepper.step([batch], { learningRate, maxGradientNorm: 1 });
  average.update();
  run.stepped(loss, { every: 50, learningRate });
  if (optimizer.step % SAVE_EVERY === 0 || optimizer.step === STEPS) await save();
}

async function save(): Promise<void> {
  await run.save();
  const averaged = { ...vae, parameters: average.of(vae) };
  run.log({ heldOutPsnr: await evaluate(averaged) });
  const json = trainedVae ? vae.json : { ...CONFIG, scaling_factor: 1 / (await latentDeviation(averaged)) };
  await saveNetwork(join(folder, 'vae'), { ...averaged, json }, { dtype: 'float16' });
}

/** Convolutions and linear layers from N(0, 1/fan-in); branches of shortcuts small; little noise on the latents. */
function initializeForReconstruction({ parameters }: typeof vae): void {
  for (const [key, { shape, data }] of parameters) {
    if (shape.length > 1) {
      const std = (/(conv2|to_out\.0)\.weight$/.test(key) ? 0.2 : 1) / Math.sqrt(data.length / shape[0]!);
      data.set(new Random(SEED, `reconstruction ${key}`).normal(data.length).map((value) => value * std));
    } else if (key.endsWith('bias')) data.fill(0);
  }
  parameters.get('quant_conv.bias')!.data.fill(-6, CONFIG.latent_channels);
  parameters.get('decoder.conv_out.bias')!.data.fill(0.6);
}

function exchangeColours(picture: Picture, order: readonly number[]): Picture {
  const plane = picture.pixels.length / order.length;
  const pixels = new Float32Array(picture.pixels.length);
  order.forEach((from, to) => {
    pixels.set(picture.pixels.subarray(from * plane, (from + 1) * plane), to * plane);
  });
  return { ...picture, pixels };
}

function stack(pictures: readonly Picture[]): Tensor<'float32'> {
  const data = new Float32Array(pictures.length * 3 * 64 * 64);
  pictures.forEach(({ pixels }, i) => {
    data.set(pixels, i * pixels.length);
  });
  return tensor([pictures.length, 3, 64, 64], data);
}

/** Mean over pictures of the peak signal-to-noise ratio, in dB, of decoding the mean latents; writes a sheet of pairs. */
async function evaluate(network: Network<typeof vae.config>): Promise<number> {
  const pixels = stack(test);
  const scope = Scope.of(network);
  const moments = vaeEncode(scope, network.config, input('pixels', pixels.shape));
  const picture = vaeDecode(scope, network.config, slice(moments, 1, 0, 16));
  const session = await compile(graphOf({ picture }));
  const { data } = (await session.run(new Map([...parameterFeeds(network), ['pixels', pixels]]))).get(
    'picture',
  )!;
  await session.dispose();
  const size = 3 * 64 * 64;
  const psnrs = test.map(({ pixels: original }, i) => {
    let squared = 0;
    for (let k = 0; k < size; k++) squared += ((Number(data[i * size + k]) - original[k]!) / 2) ** 2;
    return -10 * Math.log10(squared / size);
  });
  const images = test.slice(0, 12).flatMap(({ pixels: original }, i) => {
    const decoded = (data as Float32Array).subarray(i * size, (i + 1) * size);
    return [original, decoded].map((planes) => fromUnit(planes, 64, 64));
  });
  await writePng(join(folder, 'reconstructions.png'), contactSheet(images, { columns: 8, scale: 2 }));
  return psnrs.reduce((sum, value) => sum + value, 0) / psnrs.length;
}

/** Standard deviation of the latents of the base styles' pictures. */
async function latentDeviation(network: Network<typeof vae.config>): Promise<number> {
  const sample = training.filter((_, i) => i % 16 === 0);
  const pixels = stack(sample);
  const moments = vaeEncode(Scope.of(network), network.config, input('pixels', pixels.shape));
  const session = await compile(graphOf({ moments }));
  const results = await session.run(new Map([...parameterFeeds(network), ['pixels', pixels]]));
  await session.dispose();
  const { data } = momentsToGaussian(results.get('moments') as Tensor<'float32'>).mean;
  const mean = data.reduce((sum, value) => sum + value, 0) / data.length;
  return Math.sqrt(data.reduce((sum, value) => sum + (value - mean) ** 2, 0) / data.length);
}
