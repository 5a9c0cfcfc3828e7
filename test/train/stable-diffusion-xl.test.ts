/** Training Stable Diffusion XL: pooled text and sizes reach the UNet, encoders leave and come back for samples. */
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeAll, expect, it, onTestFinished, vi } from 'vitest';
import { noiseSchedule } from '../../src/diffusion/index.js';
import { generate } from '../../src/generate/index.js';
import { AdamWSara, ImageFolder, loadAdapter, StableDiffusion, Trainer } from '../../src/index.js';
import { DiffusionObjective } from '../../src/train/diffusion-objective.js';
import { Encodings } from '../../src/train/encodings.js';
import { type RunEvent, trainRun, trainSchema } from '../../src/train/index.js';
import { temporaryFolder } from '../support/temporary.js';
import { drawPictures } from '../support/tiny-model.js';

vi.setConfig({ testTimeout: 120_000 });

const MODEL = 'test/fixtures/pipeline/sdxl';
const SIZE = 64;

let data: string;

beforeAll(async () => {
  data = await mkdtemp(join(tmpdir(), 'sara-xl-'));
  await drawPictures(data, 3);
  return () => rm(data, { recursive: true });
});

async function load(): Promise<StableDiffusion> {
  const sd = await StableDiffusion.load(MODEL, { threads: 1 });
  onTestFinished(() => sd.dispose());
  return sd;
}

it('keeps states and pooled text of captions on disk, and zeros for those that are dropped', async () => {
  const folder = await temporaryFolder();
  const sd = await load();
  const known = await new Encodings(sd, { folder }).textStates('a fox');
  expect(known).toEqual(await sd.encodePrompts(['a fox']));
  const encode = vi.spyOn(sd, 'encodePrompts');
  expect(await new Encodings(sd, { folder }).textStates('a fox')).toEqual(known);
  expect(await new Encodings(sd, { folder }).textStates('')).toEqual(await sd.encodeNoPrompt());
  expect(encode).not.toHaveBeenCalled();
});

it('depends on how a picture came to its size', async () => {
  const folder = await ImageFolder.open(data, { size: SIZE });
  const sd = await load();
  const trainer = new Trainer(sd, new AdamWSara(sd.unet, { targetParameters: 5000 }), { threads: 1 });
  onTestFinished(() => trainer.dispose());
  const [sample] = folder.plainSamples();
  const wide = { ...sample!, entry: { ...sample!.entry, width: 320, height: 200 } };
  const pixels = () => folder.load(sample!);
  const loss = await trainer.evaluate([sample!], pixels, 1);
  expect(await trainer.evaluate([sample!], pixels, 1)).toBe(loss);
  expect(await trainer.evaluate([wide], pixels, 1)).not.toBe(loss);
});

it('refuses to train the text encoders', async () => {
  const { unet, textEncoder, schedulerConfig } = await load();
  const schedule = noiseSchedule(schedulerConfig);
  expect(() => new DiffusionObjective(unet, schedule, { textEncoder })).toThrow(
    /text encoders of Stable Diffusion XL do not train yet/,
  );
});

it('runs from pictures to an adapter, reading the encoders again for samples', async () => {
  const out = await temporaryFolder();
  const events: RunEvent[] = [];
  const sampled: StableDiffusion[] = [];
  const config = trainSchema.parse({
    ...{ model: MODEL, data, out, size: SIZE, steps: 2, batch: 2, threads: 1 },
    ...{ params: 5000, learningRate: 1e-3, samplePrompt: 'a fox', sampleEvery: 2 },
  });
  await trainRun(config, {
    onEvent: (event) => events.push(event),
    sample: async (sd, { prompts, size }) => {
      sampled.push(sd);
      const drawn = await generate(sd, { prompt: prompts, width: size, height: size, steps: 1, guidance: 2 });
      return drawn[0]!;
    },
  });
  const order = events.map(({ type }) => type).filter((type) => type !== 'note' && type !== 'memory');
  const steps = ['sampled', 'step', 'step', 'sampled', 'saved'];
  expect(order).toEqual([...Array(3).fill('encoded'), 'selected', ...steps]);
  expect(sampled[0]!.unet).toBe(sampled[1]!.unet);
  expect(sampled[0]!.vae).not.toBe(sampled[1]!.vae);
  expect(await readdir(join(out, 'samples'))).toEqual(['step-000000.png', 'step-000002.png']);
  expect((await loadAdapter(join(out, 'adapter.safetensors'))).base.network).toBe('unet');
});
