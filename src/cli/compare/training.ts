/** The training of a cell, kept in a folder, where a finished one is found again by every experiment that has it. */
import { join, relative } from 'node:path';
import { ensureFolder, exists, readJson, writeFileAtomic } from '../../formats/index.js';
import { DivergenceError, lockFolder, type TrainConfig, trainRun } from '../../train/index.js';
import type { Training } from './grid.js';

export interface Trained {
  /** The adapter, the model or the learned token; none where the loss was not finite. */
  readonly result?: string | undefined;
  /** Weights or parameters that trained. */
  readonly trained: number;
  /** Of training alone, without looking for what to train: a median over the steps. */
  readonly secondsPerStep: number;
  /** From the start to the end, of the last attempt where there were several. */
  readonly seconds: number;
  /** All that the result depends on. */
  readonly configuration: TrainConfig;
}

export interface TrainingOptions {
  /** The training's own. */
  readonly folder: string;
  /** Encodings that all trainings share. */
  readonly encodings: string;
  /** The share of the steps that are done. */
  readonly onStep: (share: number) => void;
  readonly stopRequested: () => boolean;
}

/** Undefined where it was asked to stop. Throws InUseError where another process trains it, InputError where it cannot train. */
export async function ensureTrained(
  { config }: Training,
  options: TrainingOptions,
): Promise<Trained | undefined> {
  const { folder } = options;
  const file = join(folder, 'trained.json');
  if (await exists(file)) return within(folder, (await readJson(file)) as Trained);
  await ensureFolder(folder);
  const lock = await lockFolder(folder);
  try {
    const trained = await train(config, options);
    if (!trained) return undefined;
    await writeFileAtomic(file, `${JSON.stringify(trained, null, 2)}\n`);
    return within(folder, trained);
  } finally {
    await lock.release();
  }
}

async function train(config: TrainConfig, options: TrainingOptions): Promise<Trained | undefined> {
  const { folder, encodings, onStep, stopRequested } = options;
  const started = performance.now();
  const seconds: number[] = [];
  let trained = 0;
  let searchSteps = 0;
  let result: string | undefined;
  try {
    const run = await trainRun(
      { ...config, out: join(folder, 'run'), cache: encodings },
      {
        stopRequested,
        onEvent: (event) => {
          if (event.type === 'selected') trained = event.trained;
          if (event.type === 'searching') searchSteps = event.steps;
          if (event.type !== 'step') return;
          if (event.step > searchSteps) seconds.push(event.seconds);
          onStep(event.step / event.steps);
        },
      },
    );
    if (run.status === 'stopped') return undefined;
    if (run.status === 'finished before') return await train({ ...config, overwrite: true }, options);
    result = relative(folder, run.result!);
  } catch (error) {
    if (!(error instanceof DivergenceError)) throw error;
  }
  const whole = (performance.now() - started) / 1000;
  return { result, trained, secondsPerStep: median(seconds), seconds: whole, configuration: config };
}

/** With its result as a path. */
function within(folder: string, trained: Trained): Trained {
  const { result } = trained;
  return { ...trained, result: result === undefined ? undefined : join(folder, result) };
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0;
}
