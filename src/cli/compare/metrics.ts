/** What is measured of every cell of a comparison, by name, and what each name needs. */
import { readdir, stat } from 'node:fs/promises';
import { extname, join } from 'node:path';
import { InputError } from '../../errors.js';
import { sha256OfFile } from '../../formats/index.js';
import { MEASURES, type Measurement, type MeasureName, type MetricModels } from '../../metrics/index.js';
import { digest } from './grid.js';

const HELD_OUT_LOSS = 'held-out loss';

export type MetricName = MeasureName | typeof HELD_OUT_LOSS;
export const METRIC_NAMES: [MetricName, ...MetricName[]] = [
  HELD_OUT_LOSS,
  ...(Object.keys(MEASURES) as MeasureName[]),
];

/** A measure of the pictures, or the loss of the model itself. */
export type CellMeasurement = Omit<Measurement, 'name'> & { readonly name: MetricName };

export function betterOf(name: MetricName): 'lower' | 'higher' {
  return name === HELD_OUT_LOSS ? 'lower' : MEASURES[name].better;
}

/** The models of which these metrics are, of those that are named. Throws InputError where one is not. */
export function modelsOf(names: readonly MetricName[], models: MetricModels): MetricModels {
  const needed = names.flatMap((name) => (name === HELD_OUT_LOSS ? [] : { name, of: MEASURES[name].model }));
  for (const { name, of } of needed) {
    if (models[of] !== undefined) continue;
    throw new InputError(
      `the metric "${name}" needs a model that measures; add --${of} <path>, or models: { ${of}: <path> } to the file`,
    );
  }
  return Object.fromEntries(needed.map(({ of }) => [of, models[of]]));
}

/** Endings of files of weights. */
const WEIGHTS = new Set(['.safetensors', '.bin', '.pth', '.pt']);

/** Tells weights apart by their content, so that numbers of other networks are not taken for those of these. */
export async function digestOfModels(models: MetricModels): Promise<string> {
  const found: string[] = [];
  for (const path of Object.values(models).filter((path) => path !== undefined)) {
    for (const file of await weightFiles(path)) found.push(await sha256OfFile(file));
  }
  return digest(found);
}

async function weightFiles(path: string): Promise<string[]> {
  if ((await stat(path)).isFile()) return [path];
  const names = (await readdir(path)).filter((name) => WEIGHTS.has(extname(name)));
  return names.sort().map((name) => join(path, name));
}
