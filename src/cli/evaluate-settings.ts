/** The settings of `sara evaluate`: which pictures, what measures them, and how they are drawn where a model is given. */

import { z } from 'zod';
import { UsageError } from '../errors.js';
import { PICTURE_RESIZES } from '../metrics/index.js';
import { modelSettings } from '../train/model-settings.js';
import { readPrompts } from '../train/prompts.js';
import { runtimeSettings } from '../train/runtime-settings.js';
import { flag, kebab, oneOf, text } from '../train/settings.js';
import { adapterSetting } from './adapter-setting.js';
import { drawingSettings, embeddingSetting } from './drawing-settings.js';
import type { EvaluateSettings } from './evaluate-task.js';
import { metricModelSettings } from './metric-models.js';

/** Settings that say nothing about pictures that are there already. */
const drawn = {
  predictionType: modelSettings.predictionType,
  adapter: adapterSetting(),
  embedding: embeddingSetting(),
  prompts: text('a file').optional().meta({
    argument: '<file>',
    help: 'prompts to draw, a line each; the captions of --real unless given',
  }),
  prefix: z.string('expected a text').default('').meta({ argument: '<text>', help: 'put before prompts' }),
  suffix: z.string('expected a text').default('').meta({ argument: '<text>', help: 'put after prompts' }),
  ...drawingSettings,
  out: text('a folder').optional().meta({
    argument: '<folder>',
    help: 'the pictures that are drawn, with their captions; those that are there are not drawn again',
  }),
};

export const evaluateSchema = z.strictObject({
  real: text('a folder').optional().meta({
    argument: '<folder>',
    help: 'pictures as they should be; CLIP score, CLIP-T and B-VQA do without',
  }),
  generated: text('a folder')
    .optional()
    .meta({ argument: '<folder>', help: 'pictures to be measured; or --model, which draws them' }),
  ...metricModelSettings,
  resize: oneOf(PICTURE_RESIZES).default('none').meta({
    argument: '<how>',
    help: 'before Inception and CLIP: none, or official, which squashes to 512 × 512 as the official SaRA does',
  }),
  cache: text('a folder').optional().meta({
    argument: '<folder>',
    help: 'features of pictures are kept here; sara-diffusion/features in the cache folder unless given',
  }),
  model: text('a model folder or file').optional().meta({
    argument: '<path>',
    help: 'draws what is measured: a folder, a .safetensors or .ckpt file, or hub:owner/name',
  }),
  ...drawn,
  ...runtimeSettings,
  json: flag().default(false).meta({ help: 'as JSON' }),
});

type Settings = z.output<typeof evaluateSchema>;

/** What the task is to do. Throws UsageError where settings contradict each other or one is missing. */
export async function taskSettings(settings: Settings): Promise<EvaluateSettings> {
  const { real, inception, clip, blip, resize, cache, device, threads } = settings;
  if (inception === undefined && clip === undefined && blip === undefined) {
    throw new UsageError(
      'sara evaluate needs what measures: --inception <file>, --clip <folder> or --blip <folder>',
    );
  }
  if (inception !== undefined && real === undefined) {
    throw new UsageError('FID and KID compare with real pictures: add --real <folder>');
  }
  const generated = settings.model === undefined ? givenFolder(settings) : await drawing(settings);
  return { real, generated, models: { inception, clip, blip, resize }, cache, device, threads };
}

function givenFolder(settings: Settings): string {
  const { generated } = settings;
  if (generated === undefined) {
    throw new UsageError(
      'sara evaluate needs pictures to measure: --generated <folder>, or --model <path> to draw them',
    );
  }
  for (const [key, schema] of Object.entries(drawn)) {
    const unless = JSON.stringify(schema.parse(undefined));
    if (JSON.stringify(settings[key as keyof typeof drawn]) === unless) continue;
    throw new UsageError(
      `--${kebab(key)} is for pictures that are drawn; leave it away, or give --model instead of --generated`,
    );
  }
  return generated;
}

async function drawing(settings: Settings): Promise<EvaluateSettings['generated']> {
  const { model, predictionType, real, prompts: file, out, adapter, embedding, device, threads } = settings;
  const { prefix, suffix, negative, steps, guidance, size, sampler, seed, count } = settings;
  if (settings.generated !== undefined) {
    throw new UsageError('--generated names pictures and --model draws them; give one of the two');
  }
  if (out === undefined) throw new UsageError('--model draws pictures into a folder: add --out <folder>');
  if (file === undefined && real === undefined) {
    throw new UsageError(
      'sara evaluate needs something to draw: --prompts <file>, or --real <folder> with captions',
    );
  }
  return {
    model: model!,
    ...{ predictionType, adapters: adapter, embeddings: embedding, device, threads, out, prefix, suffix },
    prompts: file === undefined ? undefined : await readPrompts(file),
    ...{ negative, steps, guidance, size, sampler, seed, count },
  };
}
