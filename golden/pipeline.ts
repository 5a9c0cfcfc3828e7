/** The golden cases pipeline/* of Stable Diffusion 1, 2 and XL: from prompts to pictures, with everything in between. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { readImage } from '../src/formats/index.js';
import { type GenerateStep, generate } from '../src/generate/index.js';
import { StableDiffusion } from '../src/models/index.js';
import { type Tensor, tensor } from '../src/tensor/index.js';
import { GoldenTensors } from './case.js';
import type { Check } from './check.js';

interface Case {
  /** Folder of the model, relative to the case's. */
  model: string;
  prompt: string[];
  negative_prompt: string[];
  steps: number;
  guidance_scale: number;
  arguments: {
    height: number;
    width: number;
    /** Stable Diffusion XL. */
    original_size?: [number, number];
    crops_coords_top_left?: [number, number];
    target_size?: [number, number];
  };
}

export async function runPipelineCase(folder: string): Promise<Check[]> {
  const description = JSON.parse(await readFile(join(folder, 'case.json'), 'utf8')) as Case;
  const golden = await GoldenTensors.read(folder);
  const sd = await StableDiffusion.load(join(folder, description.model));
  try {
    return [
      ...(await textChecks(sd, description, golden)),
      ...(await guidedChecks(sd, description, golden, folder)),
      ...(await withoutNegativeChecks(sd, description, golden)),
    ];
  } finally {
    await sd.dispose();
  }
}

const TOLERANCE = 5e-5;

async function textChecks(sd: StableDiffusion, { prompt, negative_prompt }: Case, golden: GoldenTensors) {
  const ids = Object.fromEntries(
    sd.textEncoders.flatMap(({ tokenizerName }, i) => [
      [`in.${tokenizerName}.prompt_ids`, sd.tokenize(prompt, i)],
      [`in.${tokenizerName}.negative_ids`, sd.tokenize(negative_prompt, i)],
    ]),
  );
  const [positive, negative] = [await sd.encodePrompts(prompt), await sd.encodePrompts(negative_prompt)];
  const states = {
    'out.prompt_embeds': positive.encoderHiddenStates,
    'out.negative_prompt_embeds': negative.encoderHiddenStates,
    'out.pooled_prompt_embeds': positive.pooled,
    'out.negative_pooled_prompt_embeds': negative.pooled,
  };
  return [...golden.compare(ids, 0), ...golden.compare(states, TOLERANCE)];
}

async function guidedChecks(
  sd: StableDiffusion,
  description: Case,
  golden: GoldenTensors,
  folder: string,
): Promise<Check[]> {
  const { steps, images } = await run(sd, description, golden, description.negative_prompt);
  const decoded = await sd.decodeLatents(steps.at(-1)!.latents);
  const first = golden.get('out.decoded');
  const checks = golden.compare(
    {
      'out.timesteps': tensor(
        [steps.length],
        Float32Array.from(steps, ({ timestep }) => timestep),
      ),
      'out.network_outputs': joined(steps.map(({ networkOutput }) => networkOutput)),
      'out.latents': joined(steps.map(({ latents }) => latents)),
      // The case has the first picture alone.
      'out.decoded': tensor(first.shape, decoded.data.slice(0, first.data.length)),
      'out.images': clampedPictures(decoded),
    },
    TOLERANCE,
  );
  const expected = await readImage(join(folder, 'images.png'));
  const worst = images.reduce((most, image, i) => {
    const columns = 3 * image.width;
    return image.data.reduce((largest, byte, at) => {
      const row = Math.floor(at / columns);
      const column = i * columns + (at % columns);
      return Math.max(largest, Math.abs(byte - expected.data[row * 3 * expected.width + column]!));
    }, most);
  }, 0);
  return [...checks, { quantity: 'images.png, bytes', error: worst, tolerance: 1 }];
}

/** diffusers takes a missing negative prompt as an empty one; in Stable Diffusion XL as zeros. */
async function withoutNegativeChecks(sd: StableDiffusion, description: Case, golden: GoldenTensors) {
  if (!golden.has('none.out.latents')) return [];
  const { steps } = await run(sd, description, golden, undefined);
  return golden.compare({ 'none.out.latents': steps.at(-1)!.latents }, TOLERANCE);
}

async function run(
  sd: StableDiffusion,
  { prompt, steps: count, guidance_scale, arguments: given }: Case,
  golden: GoldenTensors,
  negativePrompt: string[] | undefined,
) {
  const { height, width } = given;
  const steps: GenerateStep[] = [];
  const images = await generate(sd, {
    prompt,
    negativePrompt,
    steps: count,
    guidance: guidance_scale,
    width,
    height,
    sizes: {
      original: given.original_size ?? [height, width],
      crop: given.crops_coords_top_left,
      target: given.target_size ?? [height, width],
    },
    batchSize: prompt.length,
    latents: golden.float32('in.latents'),
    onStep: (step) => {
      steps.push(step);
    },
  });
  return { steps, images };
}

function joined(parts: readonly Tensor<'float32'>[]): Tensor<'float32'> {
  const data = Float32Array.from(parts.flatMap((part) => [...part.data]));
  return tensor([parts.length, ...parts[0]!.shape], data);
}

/** [B, 3, H, W] → clamp(x / 2 + 0.5, 0, 1) with channels last. */
function clampedPictures({ shape, data }: Tensor<'float32'>): Tensor<'float32'> {
  const [batch, channels, height, width] = shape as [number, number, number, number];
  const plane = height * width;
  const out = Float32Array.from(data, (_, i) => {
    const channel = i % channels;
    const position = Math.floor(i / channels) % plane;
    const picture = Math.floor(i / (channels * plane));
    return Math.min(1, Math.max(0, data[(picture * channels + channel) * plane + position]! / 2 + 0.5));
  });
  return tensor([batch, height, width, channels], out);
}
