/** The demonstration, done in a worker thread: look at the model, fine-tune it, look again, write the report. */
import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { exists, readText, writeFileAtomic, writePng } from '../../formats/index.js';
import { StableDiffusion } from '../../models/index.js';
import { countParameters } from '../../nn/index.js';
import { applyAdapters, loadAdapter } from '../../peft/index.js';
import { beforeAfterSheet, type CurvePoint, reportPage } from '../../report/index.js';
import { type RunEvent, trainRun } from '../../train/index.js';
import { RunFolder } from '../../train/run-folder.js';
import { adapterReport } from '../adapter-report.js';
import { type DemoConfig, trainingOf } from './config.js';
import { lookAt } from './look.js';
import { blocksOf, type DemoNumbers, lossesOf, reportOf } from './result.js';
import { prepareScene } from './scene.js';

export type DemoEvent =
  | { type: 'stage'; stage: 'before' | 'training' | 'after' }
  | { type: 'drawn' | 'measured'; done: number; total: number }
  | RunEvent;

export type DemoResult =
  | { status: 'stopped' }
  | ({ status: 'finished'; sheet: string; page: string; adapter: string } & DemoNumbers);

/** Thrown through drawing and measuring where the task is asked to stop. */
class StopError extends Error {}

/**
 * A run folder like that of `sara train`, with the report beside the adapter. Called again, it goes on where it was
 * interrupted, and starts anew where it was finished. Throws InputError where a folder cannot be used.
 */
export async function demoTask(
  config: DemoConfig,
  onEvent: (event: DemoEvent) => void,
  stopRequested: () => boolean,
): Promise<DemoResult> {
  const started = performance.now();
  const page = join(config.out, 'report.html');
  const sheet = join(config.out, 'before-after.png');
  // The page is written last: where it is, nothing is left to go on with.
  const training = trainingOf({ ...config, overwrite: config.overwrite || (await exists(page)) });
  await (await RunFolder.open(config.out, training)).close();
  const onProgress = (type: 'drawn' | 'measured', done: number, total: number) => {
    onEvent({ type, done, total });
    if (stopRequested()) throw new StopError();
  };

  const sd = await StableDiffusion.load(config.model, config);
  try {
    onEvent({ type: 'stage', stage: 'before' });
    const scene = await prepareScene(config, config.size ?? sd.pictureSides[0]);
    const before = await lookAt(sd, scene, config, onProgress);
    await sd.dispose();

    onEvent({ type: 'stage', stage: 'training' });
    const run = await trainRun(training, { onEvent, stopRequested });
    if (run.result === undefined) return { status: 'stopped' };

    onEvent({ type: 'stage', stage: 'after' });
    applyAdapters(sd.unet, [{ adapter: await loadAdapter(run.result) }], config);
    const after = await lookAt(sd, scene, config, onProgress);

    const adapter = await adapterReport(run.result);
    const { curve, trainingSeconds } = await readMetrics(join(run.folder, 'metrics.jsonl'));
    const numbers: DemoNumbers = {
      losses: lossesOf(scene, before, after),
      trained: adapter.entries,
      total: countParameters(sd.unet.parameters),
      threshold: adapter.threshold,
      adapterBytes: adapter.bytes,
      modelBytes: await folderSize(config.model),
      trainingSeconds,
      seconds: (performance.now() - started) / 1000,
      peakMemoryBytes: 1024 * process.resourceUsage().maxRSS,
    };
    const blocks = blocksOf(scene, before, after);
    await writePng(sheet, beforeAfterSheet(blocks));
    const report = reportOf({ config, training, adapter: run.result, blocks, curve, numbers });
    await writeFileAtomic(page, await reportPage(report));
    return { status: 'finished', sheet, page, adapter: run.result, ...numbers };
  } catch (error) {
    if (error instanceof StopError) return { status: 'stopped' };
    throw error;
  } finally {
    await sd.dispose();
  }
}

/** The loss of every step, and the time that they took together. */
async function readMetrics(path: string): Promise<{ curve: CurvePoint[]; trainingSeconds: number }> {
  const lines = (await readText(path)).split('\n').filter((line) => line !== '');
  const steps = lines.map((line) => JSON.parse(line) as CurvePoint & { seconds: number });
  return {
    curve: steps.map(({ step, loss }) => ({ step, loss })),
    trainingSeconds: steps.reduce((sum, { seconds }) => sum + seconds, 0),
  };
}

/** Bytes of all files in a folder and below it. */
async function folderSize(folder: string): Promise<number> {
  let sum = 0;
  for (const name of await readdir(folder, { recursive: true })) {
    const entry = await stat(join(folder, name));
    if (entry.isFile()) sum += entry.size;
  }
  return sum;
}
