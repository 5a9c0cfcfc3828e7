/** What can be asked of a generation, checked and filled in. */
import { InputError } from '../errors.js';
import type { PictureSizes, StableDiffusion } from '../models/index.js';
import type { Tensor } from '../tensor/index.js';
import type { DenoiseStep } from './denoise.js';

/** After each network call. */
export interface GenerateStep extends DenoiseStep {
  /** Which of the pictures to make are in work: counted from 0, the first one and the one after the last. */
  readonly images: readonly [number, number];
  /** Network calls done and to do, over all pictures. */
  readonly done: number;
  readonly total: number;
}

export interface GenerateOptions {
  /** Picture i is of prompt i, starting over after the last. */
  prompt: string | readonly string[];
  /**
   * What to stay away from; one for all, or one for each prompt. Unless said, what the model takes for no text: the
   * empty text, or zeros in Stable Diffusion XL.
   */
  negativePrompt?: string | readonly string[] | undefined;
  /** Sampler steps; 30 unless said. */
  steps?: number | undefined;
  /** Classifier-free guidance scale; 7.5 unless said. At 1 and below there is none, which halves the work. */
  guidance?: number | undefined;
  /** In pixels; the model's own size unless said. */
  width?: number | undefined;
  height?: number | undefined;
  /** Stable Diffusion XL: how pictures are said to have come to their size; uncut and as they are drawn unless said. */
  sizes?: Partial<PictureSizes> | undefined;
  /** 0 unless said. Picture i depends on seed and i, not on how many are made or on the batch. */
  seed?: number | undefined;
  /** Number of pictures; one for each prompt unless said. */
  count?: number | undefined;
  /** The index of the first picture, 0 unless said: `first: 10, count: 2` makes pictures 10 and 11 of any larger number. */
  first?: number | undefined;
  /** One of SAMPLER_NAMES; the model's own scheduler unless said. */
  sampler?: string | undefined;
  /** Sampler ddim only: the share of DDPM's noise that each step adds. */
  eta?: number | undefined;
  /** Pictures made at once; 1 unless said, which takes the least memory. */
  batchSize?: number | undefined;
  /** Standard normal noise to start from, [count, C, height/f, width/f], instead of the seed's. */
  latents?: Tensor<'float32'> | undefined;
  onStep?: ((step: GenerateStep) => void | Promise<void>) | undefined;
}

export interface ResolvedOptions {
  /** One for each picture. */
  prompts: string[];
  /** Undefined where none was given. */
  negativePrompts: (string | undefined)[];
  steps: number;
  guidance: number;
  seed: number;
  first: number;
  batchSize: number;
  sizes: PictureSizes;
  /** Shape of one picture's latents. */
  latentShape: [channels: number, height: number, width: number];
}

/** Throws InputError where an option cannot be used. */
export function resolveOptions(sd: StableDiffusion, options: GenerateOptions): ResolvedOptions {
  const { steps = 30, guidance = 7.5, seed = 0, first = 0, batchSize = 1 } = options;
  const prompts = [options.prompt].flat();
  const negatives = [options.negativePrompt].flat();
  const { count = prompts.length } = options;
  expect(prompts.length > 0, 'prompt', 'at least one prompt', '[]');
  expectWhole('count', count, 1);
  expectWhole('steps', steps, 1);
  expectWhole('seed', seed, 0);
  expectWhole('first', first, 0);
  expectWhole('batchSize', batchSize, 1);
  expect(Number.isFinite(guidance), 'guidance', 'a number', guidance);
  expect(
    negatives.length === 1 || negatives.length === prompts.length,
    'negativePrompt',
    `one, or ${prompts.length} as there are prompts`,
    negatives.length,
  );
  const pictureSize = pictureSizeOf(sd, options);
  const [height, width] = pictureSize.map((side) => side / sd.scaleFactor) as [number, number];
  const shape: [number, number, number] = [sd.vae.config.latent_channels, height, width];
  const given = options.latents?.shape;
  expect(
    given === undefined || String(given) === String([count, ...shape]),
    'latents',
    `shape [${[count, ...shape]}]`,
    `[${given}]`,
  );
  const each = <Text>(list: readonly Text[]) =>
    Array.from({ length: count }, (_, i) => list[(first + i) % list.length]!);
  return {
    prompts: each(prompts),
    negativePrompts: each(negatives),
    steps,
    guidance,
    seed,
    first,
    batchSize,
    sizes: { original: pictureSize, target: pictureSize, ...options.sizes },
    latentShape: shape,
  };
}

function pictureSizeOf(sd: StableDiffusion, options: GenerateOptions): [number, number] {
  const factor = sd.scaleFactor;
  const { height = sd.pictureSides[0], width = sd.pictureSides[1] } = options;
  const sides: [number, number] = [height, width];
  (['height', 'width'] as const).forEach((name, i) => {
    const side = sides[i]!;
    expect(
      Number.isInteger(side) && side > 0 && side % factor === 0,
      name,
      `a multiple of ${factor} pixels`,
      side,
    );
  });
  return sides;
}

function expect(condition: boolean, option: string, expected: string, got: unknown): void {
  if (!condition) throw new InputError(`${option}: expected ${expected}, got ${got}`);
}

function expectWhole(option: string, value: number, least: number): void {
  const holds = Number.isSafeInteger(value) && value >= least;
  expect(holds, option, `a whole number of at least ${least}`, value);
}
