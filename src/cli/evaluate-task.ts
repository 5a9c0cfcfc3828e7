/** Measuring generated pictures, drawn first where a model is given: what `sara evaluate` does in its worker thread. */
import { homedir } from 'node:os';
import { join } from 'node:path';
import { InputError } from '../errors.js';
import {
  allowedMeasures,
  type Measurement,
  type MetricModels,
  obstacles,
  openMetrics,
  type Picture,
  type PictureSets,
} from '../metrics/index.js';
import type { Device } from '../runtime/index.js';
import {
  type CaptionedDrawing,
  type DrawingRecord,
  drawCaptioned,
  picturesToDraw,
} from './captioned-drawing.js';
import { picturesOf } from './captioned-pictures.js';

export interface EvaluateSettings {
  real: string | undefined;
  /** A folder, or what is drawn into one; prompts that are not given are the captions of the real pictures. */
  generated: string | (Omit<CaptionedDrawing, 'prompts'> & CaptionedPrompts);
  models: MetricModels;
  cache: string | undefined;
  device: Device;
  threads: number | undefined;
}

interface CaptionedPrompts {
  prompts: string[] | undefined;
  prefix: string;
  suffix: string;
}

export interface EvaluateEvent {
  doing: 'drawing' | 'measuring';
  done: number;
  total: number;
}

export interface EvaluateResult {
  status: 'finished' | 'stopped';
  measurements: Measurement[];
  /** Measures that the pictures do not allow: sentences. */
  leftOut: string[];
  /** How many. */
  pictures: { real: number; generated: number };
  drawing: DrawingRecord | undefined;
  /** What was guessed about the model that drew: sentences. */
  conclusions: readonly string[];
}

/** Thrown through the work where the task is asked to stop. */
class StopError extends Error {}

export async function evaluateTask(
  settings: EvaluateSettings,
  onEvent: (event: EvaluateEvent) => void,
  stopRequested: () => boolean,
): Promise<EvaluateResult> {
  const step = (doing: EvaluateEvent['doing'], done: number, total: number) => {
    onEvent({ doing, done, total });
    if (stopRequested()) throw new StopError();
  };
  const real = settings.real === undefined ? [] : await picturesOf(settings.real);
  const drawing = drawingOf(settings, real);
  const generated = drawing ? picturesToDraw(drawing) : await picturesOf(settings.generated as string);
  const sets = { real, generated };
  const result: EvaluateResult = {
    status: 'finished',
    measurements: [],
    leftOut: leftOut(settings.models, sets),
    pictures: { real: real.length, generated: generated.length },
    drawing: undefined,
    conclusions: [],
  };
  try {
    if (drawing) {
      const drawn = await drawCaptioned(drawing, (done, total) => step('drawing', done, total));
      Object.assign(result, { drawing: drawn.record, conclusions: drawn.conclusions });
    }
    const onPicture = (done: number, total: number) => step('measuring', done, total);
    return { ...result, measurements: await measure(settings, sets, onPicture) };
  } catch (error) {
    if (error instanceof StopError) return { ...result, status: 'stopped' };
    throw error;
  }
}

/** What is to be drawn, with its prompts; undefined where the pictures are there. */
function drawingOf({ real: folder, generated }: EvaluateSettings, real: readonly Picture[]) {
  if (typeof generated === 'string') return undefined;
  const { prefix, suffix, ...drawing } = generated;
  const captions = real.map(({ caption }) => caption).filter((caption) => caption !== '');
  const prompts = drawing.prompts ?? captions;
  if (prompts.length === 0) {
    throw new InputError(`${folder} has no captions that could be drawn; add --prompts <file>`);
  }
  return { ...drawing, prompts: prompts.map((prompt) => `${prefix}${prompt}${suffix}`) };
}

/** Before anything is drawn or looked at. Throws InputError where a model could measure nothing. */
function leftOut(models: MetricModels, sets: PictureSets): string[] {
  const asked = (['inception', 'clip', 'blip'] as const).filter((model) => models[model] !== undefined);
  for (const model of asked) allowedMeasures(model, sets);
  return asked.flatMap((model) => obstacles(model, sets));
}

async function measure(
  { models, cache = defaultCache(), device, threads }: EvaluateSettings,
  sets: PictureSets,
  onPicture: (done: number, total: number) => void,
): Promise<Measurement[]> {
  const metrics = await openMetrics(models, { cache, device, threads });
  try {
    const total = metrics.reduce((sum, metric) => sum + metric.pictures(sets), 0);
    let done = 0;
    const measurements: Measurement[] = [];
    for (const metric of metrics)
      measurements.push(...(await metric.measure(sets, () => onPicture(++done, total))));
    return measurements;
  } finally {
    for (const metric of metrics) await metric.dispose();
  }
}

function defaultCache(): string {
  return join(process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'sara-diffusion', 'features');
}
