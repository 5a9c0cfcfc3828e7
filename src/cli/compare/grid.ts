/** The cells of a comparison: every method at every size on every picture set with every seed. */
import { createHash } from 'node:crypto';
import { InputError } from '../../errors.js';
import { type TrainConfig, trainSchema } from '../../train/index.js';
import type { Experiment, PictureSet } from './experiment.js';

export interface Cell {
  /** Names its folder: readable, and with a digest of all that its result depends on. */
  readonly id: string;
  readonly set: PictureSet;
  readonly row: string;
  /** Share of the UNet's weights that train; none of a row that has no size. */
  readonly size: number | undefined;
  readonly seed: number;
  /** Without its folder. */
  readonly config: TrainConfig;
}

/** In the order in which they run: whole seeds after one another, so that there is a first table early. */
export function cellsOf(experiment: Experiment, weights: number): Cell[] {
  const { sets, rows, sizes, seeds } = experiment;
  return seeds.flatMap((seed) =>
    sets.flatMap((set) =>
      rows.flatMap((row) =>
        (row.sized && sizes.length > 0 ? sizes : [undefined]).map((size) => {
          const config = configOf(experiment, { set, row, size, seed, weights });
          const digest = createHash('sha256')
            .update(JSON.stringify([config, experiment.drawing, experiment.metrics, set]))
            .digest('hex');
          const parts = [set.name, row.name, size === undefined ? 'one size' : percent(size), `seed ${seed}`];
          const readable = parts.join(' ').replace(/[^\w.]+/g, '-');
          return { id: `${readable}-${digest.slice(0, 8)}`, set, row: row.name, size, seed, config };
        }),
      ),
    ),
  );
}

/** 0.023 → "2.3 %" */
export function percent(size: number): string {
  return `${Number((100 * size).toPrecision(3))} %`;
}

function configOf(
  { model, training }: Experiment,
  cell: {
    set: PictureSet;
    row: Experiment['rows'][number];
    size: number | undefined;
    seed: number;
    weights: number;
  },
): TrainConfig {
  const { set, row, size, seed, weights } = cell;
  const { data, prefix, suffix } = set;
  const params = size === undefined ? {} : { params: Math.round(size * weights) };
  const result = trainSchema.safeParse({
    ...{ model, data, prefix, suffix, seed, ...params },
    ...training,
    ...row.settings,
  });
  if (result.success) return result.data;
  const [issue] = result.error.issues;
  throw new InputError(
    `row "${row.name}", setting ${issue!.path.join('.')}: ${issue!.message}; correct the file`,
  );
}
