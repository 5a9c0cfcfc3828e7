/** Drawing pictures to files: what `sara generate` does in its worker thread, and the sample sheets of training. */
import { parse as parsePath } from 'node:path';
import { type Image, writePng } from '../formats/index.js';
import { generate } from '../generate/index.js';
import type { StableDiffusion } from '../models/index.js';
import type { SampleRequest } from '../train/index.js';
import { type DrawingModel, openDrawingModel } from './drawing-model.js';
import { type DrawingSettings, generateOptions } from './drawing-settings.js';
import { labelledSheet } from './labelled-sheet.js';

export interface GenerateSettings extends DrawingModel, DrawingSettings {
  prompts: string[];
  sheet: boolean;
  out: string;
}

export interface GenerateResult {
  status: 'finished' | 'stopped';
  /** What was guessed about the model: sentences. */
  conclusions: readonly string[];
  files: string[];
}

/** Thrown through the sampling loop where the task is asked to stop. */
class StopError extends Error {}

export async function generateTask(
  settings: GenerateSettings,
  onEvent: (event: { done: number; total: number }) => void,
  stopRequested: () => boolean,
): Promise<GenerateResult> {
  const { prompts, out } = settings;
  const sd = await openDrawingModel(settings);
  const { conclusions } = sd;
  let images: Image[];
  try {
    images = await generate(sd, {
      ...generateOptions(settings, prompts),
      onStep: ({ done, total }) => {
        onEvent({ done, total });
        if (stopRequested()) throw new StopError();
      },
    });
  } catch (error) {
    if (error instanceof StopError) return { status: 'stopped', files: [], conclusions };
    throw error;
  } finally {
    await sd.dispose();
  }
  if (settings.sheet) {
    await writePng(out, promptsSheet(images, prompts));
    return { status: 'finished', files: [out], conclusions };
  }
  const files = images.map((_, i) => (images.length === 1 ? out : numbered(out, i + 1)));
  for (const [i, image] of images.entries()) await writePng(files[i]!, image);
  return { status: 'finished', files, conclusions };
}

/** The sheet of samples of a training run, one picture a prompt. */
export async function drawSheet(sd: StableDiffusion, request: SampleRequest): Promise<Image> {
  const { prompts, size, steps, guidance, seed } = request;
  const images = await generate(sd, { prompt: prompts, steps, guidance, seed, width: size, height: size });
  return promptsSheet(images, prompts);
}

function promptsSheet(images: readonly Image[], prompts: readonly string[]): Image {
  const labels = images.map((_, i) => prompts[i % prompts.length]!);
  const columns = images.length > prompts.length && prompts.length > 1 ? prompts.length : undefined;
  return labelledSheet(images, labels, columns);
}

/** out/x.png → out/x-3.png */
function numbered(path: string, number: number): string {
  const { dir, name, ext } = parsePath(path);
  return `${dir === '' ? '' : `${dir}/`}${name}-${number}${ext}`;
}
