/** Text to pictures. */
import { createSampler, samplerConfig } from '../diffusion/index.js';
import { fromUnit, type Image } from '../formats/index.js';
import {
  type Conditioning,
  type StableDiffusion,
  stackConditionings,
  type TextStates,
  timeIds,
} from '../models/index.js';
import { Random, sizeOf, type Tensor, tensor } from '../tensor/index.js';
import { denoise } from './denoise.js';
import { type GenerateOptions, type ResolvedOptions, resolveOptions } from './options.js';

/** Makes pictures, in the order of their indices. Throws InputError where an option cannot be used. */
export async function generate(sd: StableDiffusion, options: GenerateOptions): Promise<Image[]> {
  const resolved = resolveOptions(sd, options);
  const { prompts, steps, batchSize } = resolved;
  const config = options.sampler ? samplerConfig(options.sampler, sd.schedulerConfig) : sd.schedulerConfig;
  const newSampler = () => createSampler(config, steps, { eta: options.eta });
  const calls = newSampler().timesteps.length;
  const conditioningOf = await encodeDistinct(sd, resolved);
  const batches = Math.ceil(prompts.length / batchSize);
  const images: Image[] = [];
  for (let batch = 0; batch < batches; batch++) {
    const range = [batch * batchSize, Math.min((batch + 1) * batchSize, prompts.length)] as const;
    const latents = await denoise((...inputs) => sd.predict(...inputs), {
      noise: firstNoise(resolved, options.latents, range),
      prompt: conditioningOf(resolved.prompts.slice(...range)),
      negative: resolved.guidance > 1 ? conditioningOf(resolved.negativePrompts.slice(...range)) : undefined,
      guidance: resolved.guidance,
      sampler: newSampler(),
      stepNoise: (step) => normals(resolved, 'sampler noise', range, step),
      onStep: (step) =>
        options.onStep?.({ ...step, images: range, done: batch * calls + step.step, total: batches * calls }),
    });
    images.push(...toImages(await sd.decodeLatents(latents)));
  }
  return images;
}

/** Encodes each different text once; the result stacks what texts, and the size of the pictures, tell the UNet. */
async function encodeDistinct(sd: StableDiffusion, resolved: ResolvedOptions) {
  const { prompts, negativePrompts, guidance, sizes } = resolved;
  const encoded = new Map<string | undefined, TextStates>();
  for (const text of new Set(guidance > 1 ? [...prompts, ...negativePrompts] : prompts)) {
    encoded.set(text, text === undefined ? await sd.encodeNoPrompt() : await sd.encodePrompts([text]));
  }
  return (texts: readonly (string | undefined)[]): Conditioning =>
    stackConditionings(texts.map((text) => ({ ...encoded.get(text)!, timeIds: timeIds(sizes) })));
}

type Range = readonly [start: number, end: number];

function firstNoise(
  resolved: ResolvedOptions,
  given: Tensor<'float32'> | undefined,
  [start, end]: Range,
): Tensor<'float32'> {
  const { latentShape } = resolved;
  const size = sizeOf(latentShape);
  const data = given
    ? given.data.slice(start * size, end * size)
    : normals(resolved, 'latents', [start, end]);
  return tensor([end - start, ...latentShape], data);
}

/** Standard normal values for some pictures, drawn for each from its own stream. */
function normals(
  { seed, first, latentShape }: ResolvedOptions,
  stream: string,
  [start, end]: Range,
  ...indices: number[]
): Float32Array {
  const size = sizeOf(latentShape);
  const out = new Float32Array((end - start) * size);
  for (let image = start; image < end; image++) {
    out.set(new Random(seed, stream, first + image, ...indices).normal(size), (image - start) * size);
  }
  return out;
}

/** [B, 3, H, W] in [−1, 1] → pictures; values beyond are clipped. */
export function toImages({ shape, data }: Tensor<'float32'>): Image[] {
  const [count, , height, width] = shape as [number, number, number, number];
  const size = data.length / count;
  return Array.from({ length: count }, (_, i) =>
    fromUnit(data.subarray(i * size, (i + 1) * size), width, height),
  );
}
