/** A comparison, done in a worker thread cell by cell; called again, it goes on where it stopped. */
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { openMetrics } from '../../metrics/index.js';
import { loadUNet } from '../../models/index.js';
import { countParameters } from '../../nn/index.js';
import { InUseError } from '../../train/index.js';
import { type CellResult, runCell } from './cell.js';
import type { Experiment } from './experiment.js';
import { type Cell, cellsOf, nameOf } from './grid.js';
import { digestOfModels, modelsOf } from './metrics.js';
import { type Report, writePlots, writeReport } from './report.js';
import { writeSheets } from './sheets.js';

export interface CompareSettings {
  experiment: Experiment;
  /** Names the files of results. */
  name: string;
  out: string;
}

export type CompareEvent =
  | { type: 'progress'; done: number; total: number; cell: string }
  | { type: 'cell'; number: number; of: number; name: string; result: CellResult };

export interface CompareResult extends Report {
  status: 'finished' | 'stopped';
  /** Paths; none before the end. */
  plots: readonly string[];
  sheets: readonly string[];
}

/** Milliseconds until cells are asked for again that other processes have. */
const PATIENCE = 1000;

/**
 * Writes table and results after every cell, and plots and sheets of pictures at the end. Cells that another process works on are left to it, so that several may run
 * the same comparison. Throws InputError where a cell cannot be run.
 */
export async function compareTask(
  { experiment, name, out }: CompareSettings,
  onEvent: (event: CompareEvent) => void,
  stopRequested: () => boolean,
): Promise<CompareResult> {
  const { model, drawing, device, threads } = experiment;
  const cells = cellsOf(experiment, countParameters((await loadUNet(model)).parameters));
  const models = modelsOf(experiment.metrics, experiment.models);
  const metricsDigest = await digestOfModels(models);
  const runtime = { device, threads };
  const { size, predictionType, weightDtype } = cells.flatMap(({ trainings }) => trainings)[0]?.config ?? {};
  const metrics = await openMetrics(models, { ...runtime, cache: join(out, 'features') });
  const loading = { ...runtime, predictionType, weightDtype };
  const options = { out, model, size, drawing, metrics, metricsDigest, loading, stopRequested };
  const results = new Map<Cell, CellResult>();
  const found = () => cells.flatMap((cell) => results.get(cell) ?? []);
  const report = () => writeReport(experiment, found(), { name, out });
  const progress = new Progress(cells, onEvent);
  try {
    let waiting = cells;
    while (waiting.length > 0) {
      const elsewhere: Cell[] = [];
      for (const cell of waiting) {
        const onStep = (share: number) => progress.step(cell, share);
        const result = await runCell(cell, { ...options, onStep }).catch(orElsewhere);
        if (result === undefined || stopRequested()) {
          return { status: 'stopped', plots: [], sheets: [], ...(await report()) };
        }
        if (result === ELSEWHERE) {
          elsewhere.push(cell);
          continue;
        }
        results.set(cell, result);
        progress.finish(cell, result);
        await report();
      }
      if (elsewhere.length === waiting.length) await delay(PATIENCE);
      waiting = elsewhere;
    }
    const plots = await writePlots(experiment, found(), { name, out });
    const sheets = await writeSheets(found(), { name, out });
    return { status: 'finished', plots, sheets, ...(await report()) };
  } finally {
    for (const metric of metrics) await metric.dispose();
  }
}

const ELSEWHERE = Symbol('another process has the cell');

function orElsewhere(error: unknown): typeof ELSEWHERE {
  if (error instanceof InUseError) return ELSEWHERE;
  throw error;
}

/** Tells how much of the whole grid is done, in steps. */
class Progress {
  private readonly total: number;
  private done = 0;
  private finished = 0;

  constructor(
    private readonly cells: readonly Cell[],
    private readonly onEvent: (event: CompareEvent) => void,
  ) {
    this.total = cells.reduce((sum, cell) => sum + stepsOf(cell), 0);
  }

  step(cell: Cell, share: number): void {
    const done = this.done + Math.floor(share * stepsOf(cell));
    this.onEvent({ type: 'progress', done, total: this.total, cell: nameOf(cell) });
  }

  finish(cell: Cell, result: CellResult): void {
    this.done += stepsOf(cell);
    this.finished++;
    this.step(cell, 0);
    const number = this.finished;
    this.onEvent({ type: 'cell', number, of: this.cells.length, name: nameOf(cell), result });
  }
}

/** At least one, so that a cell of the base model counts. */
function stepsOf({ trainings }: Cell): number {
  return trainings.reduce((sum, { config }) => sum + config.steps, 1);
}
