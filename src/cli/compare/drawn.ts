/** What a cell's model drew and how well it denoises, kept in a folder; measured there through other networks. */
import { basename, join } from 'node:path';
import { exists, readJson, writeFileAtomic } from '../../formats/index.js';
import type { Measurement, Metric, Picture } from '../../metrics/index.js';
import type { StableDiffusion } from '../../models/index.js';
import { picturesOf } from '../captioned-pictures.js';
import { draw, promptsOf } from './drawing.js';
import type { Drawing } from './experiment.js';
import type { Cell } from './grid.js';
import { heldOutLoss } from './held-out-loss.js';
import type { CellMeasurement } from './metrics.js';

export interface Drawn {
  readonly pictures: readonly Picture[];
  /** Of the model itself. */
  readonly measurements: readonly CellMeasurement[];
}

/** Draws with the model and measures its loss, or finds in the folder what was drawn before. */
export async function ensureDrawn(
  { set, row, seed }: Cell,
  folder: string,
  options: { drawing: Drawing; size: number | undefined; open: () => Promise<StableDiffusion> },
): Promise<Drawn> {
  const file = join(folder, 'drawn.json');
  if (await exists(file)) return within(folder, (await readJson(file)) as Drawn);
  const { drawing } = options;
  const sd = await options.open();
  try {
    const { size = sd.pictureSides[0] } = options;
    const measurements = set['held-out'] === undefined ? [] : [await heldOutLoss(sd, set, size)];
    const pictures = await draw(sd, await promptsOf(set, row, drawing), { ...drawing, folder, seed, size });
    const drawn: Drawn = { pictures, measurements };
    await writeFileAtomic(file, `${JSON.stringify(drawn, null, 2)}\n`);
    return drawn;
  } finally {
    await sd.dispose();
  }
}

/** With the pictures in the folder, wherever it was when they were drawn. */
function within(folder: string, { pictures, measurements }: Drawn): Drawn {
  const here = pictures.map(({ path, caption }) => ({ path: join(folder, basename(path)), caption }));
  return { pictures: here, measurements };
}

/** All numbers of the metrics about the drawn pictures, or those found in the folder. */
export async function ensureMeasured(
  { set }: Cell,
  folder: string,
  {
    pictures: generated,
    metrics,
    digest,
  }: { pictures: readonly Picture[]; metrics: readonly Metric[]; digest: string },
): Promise<Measurement[]> {
  if (metrics.length === 0) return [];
  const file = join(folder, `measured-${digest}.json`);
  if (await exists(file)) return (await readJson(file)) as Measurement[];
  const real = await picturesOf(set.data);
  const found: Measurement[] = [];
  for (const metric of metrics) found.push(...(await metric.measure({ real, generated }, () => {})));
  await writeFileAtomic(file, `${JSON.stringify(found, null, 2)}\n`);
  return found;
}
