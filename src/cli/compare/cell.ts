/** One cell of a comparison: train, draw, measure; each kept in a folder, where what is finished is found again. */
import { join } from 'node:path';
import { ensureFolder } from '../../formats/index.js';
import type { Metric } from '../../metrics/index.js';
import { lockFolder } from '../../train/index.js';
import { ensureDrawn, ensureMeasured } from './drawn.js';
import type { Drawing } from './experiment.js';
import { type Cell, folderName, type Place, type Training } from './grid.js';
import type { CellMeasurement } from './metrics.js';
import { type Loading, openTrained } from './open-trained.js';
import { ensureTrained, type Trained } from './training.js';

export interface CellResult {
  readonly place: Place;
  readonly seed: number;
  /** Weights or parameters that trained. */
  readonly trained: number;
  /** Of training alone, without looking for what to train. */
  readonly secondsPerStep: number;
  /** None where the training diverged. */
  readonly measurements: readonly CellMeasurement[];
  /** With everything that the result depends on; their ids are the names of their folders. */
  readonly trainings: readonly Training[];
  /** The name of the folder of what was drawn. */
  readonly pictures: string;
}

export interface CellOptions {
  /** Where trainings and pictures are kept, of this comparison and others. */
  readonly out: string;
  readonly model: string;
  /** How the model is read and run, as in training. */
  readonly loading: Loading;
  /** Pixels a side of what is drawn; the model's own unless given. */
  readonly size: number | undefined;
  readonly drawing: Drawing;
  readonly metrics: readonly Metric[];
  /** Tells the networks of the metrics from others. */
  readonly metricsDigest: string;
  /** The share of the cell's steps that are done. */
  readonly onStep: (share: number) => void;
  readonly stopRequested: () => boolean;
}

/** Undefined where it was asked to stop. Throws InUseError where another process has the cell, InputError where it cannot be run. */
export async function runCell(cell: Cell, options: CellOptions): Promise<CellResult | undefined> {
  const { out, drawing, metrics, metricsDigest, stopRequested } = options;
  const trained = await trainAll(cell.trainings, options);
  if (!trained || stopRequested()) return undefined;
  const pictures = picturesName(cell, options);
  const result = {
    ...{ place: cell.place, seed: cell.seed },
    ...{ trained: trained[0]?.trained ?? 0, secondsPerStep: trained[0]?.secondsPerStep ?? 0 },
    ...{ trainings: cell.trainings, pictures },
  };
  const learned = trained.map(({ result }) => result).filter((path) => path !== undefined);
  if (learned.length < trained.length) return { ...result, measurements: [] };
  const folder = join(out, 'pictures', pictures);
  await ensureFolder(folder);
  const lock = await lockFolder(folder);
  try {
    const { scale } = cell.place;
    const open = () => openTrained(options.model, learned, { ...options.loading, scale });
    const drawn = await ensureDrawn(cell, folder, { drawing, size: options.size, open });
    if (stopRequested()) return undefined;
    const looking = { pictures: drawn.pictures, metrics, digest: metricsDigest };
    const seen = await ensureMeasured(cell, folder, looking);
    return { ...result, measurements: [...drawn.measurements, ...seen] };
  } finally {
    await lock.release();
  }
}

async function trainAll(
  trainings: readonly Training[],
  { out, onStep, stopRequested }: CellOptions,
): Promise<Trained[] | undefined> {
  const all: Trained[] = [];
  for (const [i, training] of trainings.entries()) {
    const trained = await ensureTrained(training, {
      folder: join(out, 'trainings', training.id),
      encodings: join(out, 'encodings'),
      onStep: (share) => onStep((i + share) / trainings.length),
      stopRequested,
    });
    if (!trained) return undefined;
    all.push(trained);
  }
  return all;
}

function picturesName(
  { set, row, place, seed, trainings }: Cell,
  { model, size, drawing }: CellOptions,
): string {
  const ids = trainings.map(({ id }) => id);
  const content = [model, ids, place.scale, seed, { ...drawing, size }, set, row.subject];
  return folderName([set.name, row.name, `seed ${seed}`], content);
}
