/** How pictures are drawn: settings of every command that draws. */
import { z } from 'zod';
import { SAMPLER_NAMES } from '../diffusion/index.js';
import type { GenerateOptions } from '../generate/index.js';
import { oneOf, real, texts, whole } from '../train/settings.js';

const size = z
  .preprocess(
    (value) => (typeof value === 'number' ? String(value) : value),
    z.string().regex(/^\d+(x\d+)?$/, 'expected pixels such as 512 or 512x768'),
  )
  .transform((value) => {
    const [width, height = width] = value.split('x').map(Number);
    return { width: width!, height: height! };
  });

export const drawingSettings = {
  negative: z
    .string('expected a text')
    .optional()
    .meta({ argument: '<text>', help: 'what to stay away from' }),
  steps: whole(1).default(30).meta({ argument: '<n>', help: 'sampler steps' }),
  guidance: real('a number', Number.isFinite)
    .default(7.5)
    .meta({ argument: '<scale>', help: 'how closely to follow the prompt; 1 is fastest' }),
  size: size.optional().meta({ argument: '<pixels>', help: "512 or 512x768; the model's own unless given" }),
  sampler: oneOf(SAMPLER_NAMES as unknown as [string, ...string[]])
    .optional()
    .meta({ argument: '<name>', help: `${SAMPLER_NAMES.join(', ')}; the model's own unless given` }),
  seed: whole(0).default(0).meta({ argument: '<n>', help: 'same seed: same picture' }),
  count: whole(1).default(1).meta({ argument: '<n>', help: 'pictures of each prompt' }),
};

export type DrawingSettings = z.output<z.ZodObject<typeof drawingSettings>>;

/** What `generate` is asked for to draw all pictures of the prompts. */
export function generateOptions(
  { negative, size, count, ...others }: DrawingSettings,
  prompts: readonly string[],
): GenerateOptions {
  const { steps, guidance, sampler, seed } = others;
  return {
    prompt: prompts,
    negativePrompt: negative,
    count: count * prompts.length,
    ...{ steps, guidance, sampler, seed, ...size },
  };
}

/** Learned tokens that prompts may use. */
export function embeddingSetting() {
  return texts().default([]).meta({
    argument: '<file>',
    help: 'learned token (textual inversion) that prompts may use; repeatable',
    repeatable: true,
  });
}
