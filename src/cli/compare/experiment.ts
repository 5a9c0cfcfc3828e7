/** Experiment files: which methods, sizes, picture sets and seeds are compared, how they train, and what is measured. */
import { parse, YAMLParseError } from 'yaml';
import { z } from 'zod';
import { InputError } from '../../errors.js';
import { readText } from '../../formats/index.js';
import { camel } from '../../train/settings.js';
import { CELL_METRICS, type CellMetricName } from './metrics.js';

/** Settings of `sara train`, named as its flags are; `trainSchema` checks them. */
const settings = z
  .record(z.string(), z.unknown())
  .transform((values) =>
    Object.fromEntries(Object.entries(values).map(([key, value]) => [camel(key), value])),
  );

const name = z.string().min(1);
const metric = z.enum(Object.keys(CELL_METRICS) as [CellMetricName, ...CellMetricName[]]);

const pictureSet = z.strictObject({
  name,
  data: name,
  /** Pictures of the same style that training never shows: the loss is measured on them, and their captions are drawn. */
  'held-out': name,
  prefix: z.string().default(''),
  suffix: z.string().default(''),
});

const row = z.strictObject({
  name,
  settings,
  /** Whether it is run at each of the sizes, or once. */
  sized: z.boolean().default(true),
  /** Settings that --quick changes. */
  quick: settings.default({}),
});

const drawing = z.strictObject({
  /** How many captions of the held-out set are drawn. */
  prompts: z.int().min(1).default(25),
  steps: z.int().min(1).default(20),
  guidance: z.number().default(3),
});

const schema = z.strictObject({
  title: name,
  /** What the paper shows here. */
  about: z.string().default(''),
  model: name,
  sets: z.array(pictureSet).nonempty(),
  rows: z.array(row).nonempty(),
  /** Weights that train, as shares of those of the UNet. */
  sizes: z.array(z.number().gt(0).max(1)).default([]),
  seeds: z.array(z.int().min(0)).nonempty(),
  training: settings.default({}),
  drawing: drawing.prefault({}),
  metrics: z.array(metric).nonempty(),
  /** The metrics that VLHI joins, within each set. */
  index: z.array(metric).min(2).optional(),
  /** What --quick changes. */
  quick: z
    .strictObject({
      sets: z.int().min(1),
      sizes: z.array(z.number().gt(0).max(1)),
      seeds: z.array(z.int().min(0)).nonempty(),
      training: settings,
      drawing: drawing.partial(),
    })
    .partial()
    .default({}),
});

export type Experiment = Omit<z.output<typeof schema>, 'quick'>;
export type PictureSet = Experiment['sets'][number];
export type Drawing = Experiment['drawing'];

/** Reads an experiment file, cut down where `quick`. Throws InputError, naming the place, where it cannot be used. */
export async function readExperiment(path: string, quick: boolean): Promise<Experiment> {
  const result = schema.safeParse(parseYaml(await readText(path), path));
  if (!result.success) {
    const [issue] = result.error.issues;
    const place = issue!.path.length > 0 ? `${issue!.path.join('.')} in ${path}` : path;
    throw new InputError(`cannot use ${place}: ${issue!.message}; docs/comparing.md tells what is expected`);
  }
  const { quick: changes, ...experiment } = result.data;
  if (!quick) return experiment;
  const { sets = experiment.sets.length, sizes = experiment.sizes, seeds = experiment.seeds } = changes;
  return {
    ...experiment,
    sets: experiment.sets.slice(0, sets) as Experiment['sets'],
    rows: experiment.rows.map((row) => ({
      ...row,
      settings: { ...row.settings, ...row.quick },
    })) as Experiment['rows'],
    sizes,
    seeds,
    training: { ...experiment.training, ...changes.training },
    drawing: { ...experiment.drawing, ...changes.drawing },
  };
}

function parseYaml(text: string, path: string): unknown {
  try {
    return parse(text);
  } catch (error) {
    if (!(error instanceof YAMLParseError)) throw error;
    throw new InputError(`cannot read ${path} as YAML: ${error.message.split('\n')[0]}`, { cause: error });
  }
}
