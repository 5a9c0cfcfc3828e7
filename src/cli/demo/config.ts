/** What can be said about the demonstration: the shipped model, the shipped pictures, and a training short enough to watch. */
import { z } from 'zod';
import { type TrainConfig, trainSchema } from '../../train/index.js';
import { flag, real, text, texts, whole } from '../../train/settings.js';

/** Trains about a seventh of the shipped model's weights. */
const THRESHOLD = 1e-2;
/** Far above the paper's rate for the threshold, since the training is far shorter. */
const LEARNING_RATE = 3e-3;
/** So that an interruption costs little of a short run. */
const CHECKPOINT_EVERY = 50;

const {
  model,
  data,
  out,
  steps,
  batch,
  learningRate,
  prefix,
  suffix,
  captionDropout,
  progressive,
  ...shared
} = trainSchema.shape;

/** A setting of `sara train` with another default, or other help. */
function preset<Schema extends z.ZodType>(schema: Schema, value: z.output<Schema> & {}, help?: string) {
  const { argument, help: usual, incidental } = schema.meta() ?? {};
  return schema.default(value as never).meta({ argument, help: help ?? usual, incidental });
}

export const demoSchema = z.strictObject({
  model: preset(model, 'models/emoji'),
  data: preset(data, 'data/fluent-3d', 'pictures with captions that show the style'),
  heldOut: text('a folder of pictures')
    .default('data/fluent-3d-held-out')
    .meta({ argument: '<folder>', help: 'pictures of the same style that training never shows' }),
  keep: texts().default(['data/noto', 'data/twemoji']).meta({
    argument: '<folder>',
    help: 'pictures of a style the model knows by the name of the folder; repeatable (data/noto, data/twemoji)',
    repeatable: true,
  }),
  prefix,
  suffix: preset(suffix, ', fluent style'),
  out: preset(out, 'runs/demo', 'folder of the run and its report'),
  overwrite: shared.overwrite,
  threshold: shared.threshold.meta({
    argument: '<θ>',
    help: `train weights with |w| < θ; ${THRESHOLD} unless --params is given`,
  }),
  params: shared.params,
  lambdaRank: shared.lambdaRank,
  progressive: preset(progressive, 600),
  steps: preset(steps, 800),
  batch: preset(batch, 8),
  learningRate: preset(learningRate, LEARNING_RATE, 'learning rate at first'),
  captionDropout: preset(captionDropout, 0.1),
  seed: shared.seed,
  size: shared.size,
  sampleSteps: whole(1).default(20).meta({ argument: '<n>', help: 'sampler steps of a picture' }),
  guidance: real('a number', Number.isFinite)
    .default(3)
    .meta({ argument: '<scale>', help: 'how closely pictures follow their prompts' }),
  device: shared.device,
  threads: shared.threads,
  json: flag().default(false).meta({ help: 'events and result as JSON lines on standard output' }),
});

export type DemoConfig = Omit<z.output<typeof demoSchema>, 'json'>;

/** The training that `sara train` would do with these settings. */
export function trainingOf(config: DemoConfig): TrainConfig {
  const { heldOut: _, keep: __, sampleSteps: ___, guidance: ____, ...settings } = config;
  const { params, threshold = params === undefined ? THRESHOLD : undefined } = config;
  return trainSchema.parse({ ...settings, threshold, checkpointEvery: CHECKPOINT_EVERY });
}
