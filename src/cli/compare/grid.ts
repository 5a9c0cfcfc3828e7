/** The cells of a comparison: every row at every size, with every combination of what varies, on every set with every seed. */
import { createHash } from 'node:crypto';
import { InputError } from '../../errors.js';
import { type TrainConfig, trainSchema } from '../../train/index.js';
import { camel } from '../../train/settings.js';
import type { Experiment, PictureSet, Row, Value } from './experiment.js';
import { namedSettings, subjectNames } from './subject.js';

/** One run of training. Those of one id are the same run, in whichever experiment. */
export interface Training {
  /** Names its folder: readable, and with a digest of all that its result depends on. */
  readonly id: string;
  /** Without folders. */
  readonly config: TrainConfig;
}

/** What the rows of a table tell apart, without the seed. */
export interface Place {
  readonly set: string;
  readonly row: string;
  /** Share of the UNet's weights that train; none of a row that has no size. */
  readonly size: number | undefined;
  readonly varied: Readonly<Record<string, Value>>;
  /** α of paper Eq. 2. */
  readonly scale: number;
}

/** What is drawn and measured: what some trainings learned, applied at one strength. */
export interface Cell {
  readonly place: Place;
  readonly set: PictureSet;
  readonly row: Row;
  readonly seed: number;
  /** On the cell's own set and then others; none of the base model. */
  readonly trainings: readonly Training[];
}

/** In the order in which they run: whole seeds after one another, so that there is a first table early. */
export function cellsOf(experiment: Experiment, weights: number): Cell[] {
  const { sets, rows, sizes, vary, seeds } = experiment;
  return seeds.flatMap((seed) =>
    sets.flatMap((set) =>
      rows.flatMap((row) =>
        (row.sized && sizes.length > 0 ? sizes : [undefined]).flatMap((size) =>
          combinations({ ...vary, ...row.vary }).flatMap((varied) => {
            const trainedOn = row.merged ? [set, ...sets.filter((other) => other !== set)] : [set];
            const trainings = row.settings
              ? trainedOn.map((on) => trainingOf(experiment, { set: on, row, size, varied, seed, weights }))
              : [];
            return row.scales.map((scale) => {
              const place = { set: set.name, row: row.name, size, varied, scale };
              return { place, set, row, seed, trainings };
            });
          }),
        ),
      ),
    ),
  );
}

/** { a: [1, 2], b: [3] } → { a: 1, b: 3 }, { a: 2, b: 3 } */
export function combinations(vary: Readonly<Record<string, readonly Value[]>>): Record<string, Value>[] {
  return Object.entries(vary).reduce<Record<string, Value>[]>(
    (found, [key, values]) => found.flatMap((one) => values.map((value) => ({ ...one, [key]: value }))),
    [{}],
  );
}

function trainingOf(
  { model, training, device, threads }: Experiment,
  cell: {
    set: PictureSet;
    row: Row;
    size: number | undefined;
    varied: Readonly<Record<string, Value>>;
    seed: number;
    weights: number;
  },
): Training {
  const { set, row, size, varied, seed, weights } = cell;
  const { data, prefix, suffix } = set;
  const params = size === undefined ? {} : { params: Math.round(size * weights) };
  const settings = {
    ...{ model, data, prefix, suffix, seed, device, threads, ...params },
    ...training,
    ...set.settings,
    ...row.settings,
    ...Object.fromEntries(Object.entries(varied).map(([key, value]) => [camel(key), value])),
  };
  const result = trainSchema.safeParse(namedSettings(settings, subjectNames(set, row)));
  if (!result.success) {
    const [issue] = result.error.issues;
    throw new InputError(
      `row "${row.name}", setting ${issue!.path.join('.')}: ${issue!.message}; correct the file`,
    );
  }
  const config = result.data;
  return { id: folderName([set.name, config.method, `seed ${seed}`], config), config };
}

/** For people: "fluent-3d, SaRA, 2.33 %, seed 0". */
export function nameOf({ place, seed }: Cell): string {
  return [place.set, lineName(place), `seed ${seed}`].join(', ');
}

/** A line of a set's table: "SaRA, 2.33 %". */
export function lineName({ row, size, varied, scale }: Place): string {
  const rest = [
    ...(size === undefined ? [] : [percent(size)]),
    ...Object.entries(varied).map(([key, value]) => `${key} ${value}`),
    ...(scale === 1 ? [] : [`scale ${scale}`]),
  ];
  return [row, ...rest].join(', ');
}

/** 0.023 → "2.3 %" */
export function percent(size: number): string {
  return `${Number((100 * size).toPrecision(3))} %`;
}

/** A name of a folder: readable, and with a digest of all that its content depends on. */
export function folderName(words: readonly string[], content: unknown): string {
  return `${words.join(' ').replace(/[^\w.]+/g, '-')}-${digest(content)}`;
}

/** Eight hexadecimal digits for what a result depends on. */
export function digest(value: unknown): string {
  return createHash('sha256').update(JSON.stringify(value)).digest('hex').slice(0, 8);
}
