/** Experiment files: which methods, sizes, picture sets and seeds are compared, how they train, and what is measured. */
import { z } from 'zod';
import { InputError } from '../../errors.js';
import { readYaml } from '../../formats/index.js';
import { runtimeSettings } from '../../train/runtime-settings.js';
import { camel } from '../../train/settings.js';
import { METRIC_NAMES } from './metrics.js';

const value = z.union([z.string(), z.number(), z.boolean()]);

/** Settings and their values. */
const vary = z.record(z.string(), z.array(value).nonempty());

/** Settings of `sara train`, named as its flags are; `trainSchema` checks them. */
const settings = z
  .record(z.string(), z.unknown())
  .transform((values) =>
    Object.fromEntries(Object.entries(values).map(([key, value]) => [camel(key), value])),
  );

const name = z.string().min(1);
const metric = z.enum(METRIC_NAMES);

const pictureSet = z.strictObject({
  name,
  data: name,
  /** Pictures of the same style that training never shows: the loss is measured on them, and their captions are drawn. */
  'held-out': name.optional(),
  prefix: z.string().default(''),
  suffix: z.string().default(''),
  /** Settings of every run on this set, such as prompts of DreamBooth. */
  settings: settings.default({}),
  /** Drawn instead of captions of the held-out set. */
  prompts: z.array(name).nonempty().optional(),
  /** What the subject of the set is in words that the base model knows, such as "cat". */
  class: name.optional(),
});

const row = z.strictObject({
  name,
  /** None: the base model. */
  settings: settings.optional(),
  /** Whether it is run at each of the sizes, or once. */
  sized: z.boolean().default(true),
  /** Strengths α (paper Eq. 2) at which what was learned is applied. */
  scales: z.array(z.number()).nonempty().default([1]),
  /** Applies what was learned on all sets at once, not only on the one that is drawn. */
  merged: z.boolean().default(false),
  /** Goes before what the experiment varies. */
  vary: vary.default({}),
  /** What this row calls the subject of a set, such as "sks {class}". */
  subject: name.optional(),
  /** Settings that --quick changes. */
  quick: settings.default({}),
});

const drawingSettings = {
  /** How many captions of the held-out set are drawn. */
  prompts: z.int().min(1),
  /** Pictures of each prompt. */
  count: z.int().min(1),
  steps: z.int().min(1),
  guidance: z.number(),
};
const drawing = z.strictObject({
  prompts: drawingSettings.prompts.default(25),
  count: drawingSettings.count.default(1),
  steps: drawingSettings.steps.default(20),
  guidance: drawingSettings.guidance.default(3),
});

/** Networks that metrics look through. */
const models = z.strictObject({ inception: name, clip: name, blip: name }).partial();

const schema = z.strictObject({
  title: name,
  /** What the paper shows here. */
  about: z.string().default(''),
  model: name,
  sets: z.array(pictureSet).nonempty(),
  rows: z.array(row).nonempty(),
  /** Weights that train, as shares of those of the UNet. */
  sizes: z.array(z.number().gt(0).max(1)).default([]),
  /** Settings of which every combination is run, for each row. */
  vary: vary.default({}),
  seeds: z.array(z.int().min(0)).nonempty(),
  training: settings.default({}),
  ...runtimeSettings,
  drawing: drawing.prefault({}),
  models: models.default({}),
  metrics: z.array(metric).nonempty(),
  /** The metrics that VLHI joins, within each set. */
  index: z.array(metric).min(2).optional(),
  /** What --quick changes. */
  quick: z
    .strictObject({
      sets: z.int().min(1),
      sizes: z.array(z.number().gt(0).max(1)),
      vary,
      seeds: z.array(z.int().min(0)).nonempty(),
      training: settings,
      drawing: z.strictObject(drawingSettings).partial(),
    })
    .partial()
    .default({}),
});

export type Experiment = Omit<z.output<typeof schema>, 'quick'>;
export type PictureSet = Experiment['sets'][number];
export type Row = Experiment['rows'][number];
export type Drawing = Experiment['drawing'];
export type Value = z.output<typeof value>;

/** Reads an experiment file, cut down where `quick`. Throws InputError, naming the place, where it cannot be used. */
export async function readExperiment(path: string, quick: boolean): Promise<Experiment> {
  const result = schema.safeParse(await readYaml(path, { merge: true }));
  if (!result.success) {
    const [issue] = result.error.issues;
    const place = issue!.path.length > 0 ? `${issue!.path.join('.')} in ${path}` : path;
    throw new InputError(`cannot use ${place}: ${issue!.message}; docs/comparing.md tells what is expected`);
  }
  const { quick: changes, ...experiment } = result.data;
  if (!quick) return experiment;
  const { sets = experiment.sets.length, training, drawing, ...lists } = changes;
  return {
    ...experiment,
    ...lists,
    sets: experiment.sets.slice(0, sets) as Experiment['sets'],
    rows: experiment.rows.map((row) => ({
      ...row,
      settings: row.settings && { ...row.settings, ...row.quick },
      vary: changes.vary ? {} : row.vary,
    })) as Experiment['rows'],
    training: { ...experiment.training, ...training },
    drawing: { ...experiment.drawing, ...drawing },
  };
}
