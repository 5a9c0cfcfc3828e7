/** One cell of a comparison: train, draw, measure; kept in a folder, where a finished one is found again. */
import { join } from 'node:path';
import { exists, readJson, writeFileAtomic } from '../../formats/index.js';
import { generate } from '../../generate/index.js';
import type { Picture } from '../../metrics/index.js';
import { StableDiffusion } from '../../models/index.js';
import { applyAdapters } from '../../peft/index.js';
import { ImageFolder, type TrainConfig, trainRun } from '../../train/index.js';
import { loadAdapters } from '../adapters.js';
import { writeCaptionedPictures } from '../captioned-pictures.js';
import type { Drawing } from './experiment.js';
import type { Cell } from './grid.js';
import { CELL_METRICS, type CellMetricName } from './metrics.js';

export interface CellResult {
  readonly id: string;
  readonly set: string;
  readonly row: string;
  readonly size: number | undefined;
  readonly seed: number;
  /** Weights or parameters that trained. */
  readonly trained: number;
  readonly values: Readonly<Partial<Record<CellMetricName, number>>>;
  /** Of training alone, without looking for what to train. */
  readonly secondsPerStep: number;
  readonly seconds: number;
  /** Everything that the result depends on. */
  readonly configuration: { readonly training: TrainConfig; readonly drawing: Drawing };
}

export interface CellOptions {
  /** The comparison's folder. */
  readonly out: string;
  readonly drawing: Drawing;
  readonly metrics: readonly CellMetricName[];
  readonly inception: string | undefined;
  /** The share of the cell's steps that are done. */
  readonly onStep: (share: number) => void;
  readonly stopRequested: () => boolean;
}

/** The result of a cell, from its folder where it is finished; undefined where the cell was asked to stop. */
export async function runCell(cell: Cell, options: CellOptions): Promise<CellResult | undefined> {
  const { id, set, row, size, seed } = cell;
  const { drawing, onStep, stopRequested } = options;
  const folder = join(options.out, 'cells', id);
  const file = join(folder, 'result.json');
  if (await exists(file)) return (await readJson(file)) as CellResult;
  const started = performance.now();
  const config = { ...cell.config, out: join(folder, 'run'), cache: join(options.out, 'encodings') };
  const seconds: number[] = [];
  let trained = 0;
  let searchSteps = 0;
  const run = await trainRun(config, {
    stopRequested,
    onEvent: (event) => {
      if (event.type === 'selected') trained = event.trained;
      if (event.type === 'searching') searchSteps = event.steps;
      if (event.type !== 'step') return;
      if (event.step > searchSteps) seconds.push(event.seconds);
      onStep(event.step / event.steps);
    },
  });
  if (run.result === undefined) return undefined;
  const sd = await openResult(config, run.result);
  try {
    const drawn = await draw(sd, cell, join(folder, 'pictures'), drawing);
    const values: Partial<Record<CellMetricName, number>> = {};
    for (const name of options.metrics) {
      if (stopRequested()) return undefined;
      values[name] = await CELL_METRICS[name].measure({
        sd,
        set,
        config,
        drawn,
        inception: options.inception,
      });
    }
    const result: CellResult = {
      ...{ id, set: set.name, row, size, seed, trained, values },
      secondsPerStep: median(seconds),
      seconds: (performance.now() - started) / 1000,
      configuration: { training: cell.config, drawing },
    };
    await writeFileAtomic(file, `${JSON.stringify(result, null, 2)}\n`);
    return result;
  } finally {
    await sd.dispose();
  }
}

/** The base with the run's adapter, or the model that the run made. */
async function openResult(config: TrainConfig, result: string): Promise<StableDiffusion> {
  if (await exists(join(result, 'model_index.json'))) return StableDiffusion.load(result, config);
  const sd = await StableDiffusion.load(config.model, config);
  applyAdapters(sd.unet, await loadAdapters([{ path: result, scale: 1 }]), config);
  return sd;
}

/** Draws captions of the held-out pictures, the same with the same noise in every cell of a seed, as a folder with captions. */
async function draw(
  sd: StableDiffusion,
  { set, seed, config }: Cell,
  folder: string,
  { prompts: count, steps, guidance }: Drawing,
): Promise<Picture[]> {
  const { prefix, suffix } = set;
  const size = config.size ?? sd.pictureSides[0];
  const held = await ImageFolder.open(set['held-out'], { size, prefix, suffix });
  const prompts = held.entries.slice(0, count).map((entry) => held.captionOf(entry));
  const images = await generate(sd, { prompt: prompts, steps, guidance, seed, width: size, height: size });
  return writeCaptionedPictures(folder, images, prompts);
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0;
}
