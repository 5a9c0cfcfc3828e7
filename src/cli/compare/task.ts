/** A comparison, done in a worker thread cell by cell; called again, it goes on where it stopped. */
import { join } from 'node:path';
import { writeFileAtomic } from '../../formats/index.js';
import { loadUNet } from '../../models/index.js';
import { countParameters } from '../../nn/index.js';
import { type CellResult, runCell } from './cell.js';
import type { Experiment } from './experiment.js';
import { cellsOf } from './grid.js';
import { markdown, summarize } from './summary.js';

export interface CompareSettings {
  experiment: Experiment;
  out: string;
  inception: string | undefined;
}

export type CompareEvent =
  | { type: 'progress'; done: number; total: number; cell: string }
  | { type: 'cell'; number: number; of: number; result: CellResult };

export interface CompareResult {
  status: 'finished' | 'stopped';
  /** Files of the table and of all results. */
  table: string;
  results: string;
  markdown: string;
}

/** Writes results.json and results.md after every cell. Throws InputError where a cell cannot be run. */
export async function compareTask(
  { experiment, out, inception }: CompareSettings,
  onEvent: (event: CompareEvent) => void,
  stopRequested: () => boolean,
): Promise<CompareResult> {
  const cells = cellsOf(experiment, countParameters((await loadUNet(experiment.model)).parameters));
  const { drawing, metrics } = experiment;
  const total = cells.reduce((sum, { config }) => sum + config.steps, 0);
  const files = { table: join(out, 'results.md'), results: join(out, 'results.json') };
  const results: CellResult[] = [];
  let before = 0;
  let text = '';
  for (const cell of cells) {
    const { steps } = cell.config;
    const onStep = (share: number) =>
      onEvent({ type: 'progress', done: before + Math.floor(share * steps), total, cell: cell.id });
    const result = await runCell(cell, { out, drawing, metrics, inception, onStep, stopRequested });
    if (!result) return { status: 'stopped', ...files, markdown: text };
    before += steps;
    onStep(0);
    results.push(result);
    onEvent({ type: 'cell', number: results.length, of: cells.length, result });
    const rows = summarize(experiment, results);
    text = markdown(experiment, rows);
    await writeFileAtomic(files.table, text);
    await writeFileAtomic(
      files.results,
      `${JSON.stringify({ experiment, rows, cells: results }, null, 2)}\n`,
    );
  }
  return { status: 'finished', ...files, markdown: text };
}
