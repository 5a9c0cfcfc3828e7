/** The worker thread: does one task and tells how it went. */
import { parentPort, workerData } from 'node:worker_threads';
import { InputError } from '../errors.js';
import { trainRun } from '../train/index.js';
import { analyzeTask } from './analyze-task.js';
import { captionTask } from './caption-task.js';
import { compareTask } from './compare/task.js';
import { demoTask } from './demo/task.js';
import { evaluateTask } from './evaluate-task.js';
import { drawSheet, generateTask } from './generate-task.js';
import type { TaskMessage, TaskRequest, Tasks } from './tasks.js';

const { name, settings, stop } = workerData as TaskRequest;

const stopRequested = (): boolean => Atomics.load(stop, 0) === 1;
const post = (message: TaskMessage): void => parentPort!.postMessage(message);
const onEvent = (event: unknown): void => post({ kind: 'event', event });

async function perform(): Promise<unknown> {
  switch (name) {
    case 'train': {
      const sample = drawSheet;
      return trainRun(settings as Tasks['train']['settings'], { onEvent, stopRequested, sample });
    }
    case 'generate':
      return generateTask(settings as Tasks['generate']['settings'], onEvent, stopRequested);
    case 'caption':
      return captionTask(settings as Tasks['caption']['settings'], onEvent, stopRequested);
    case 'evaluate':
      return evaluateTask(settings as Tasks['evaluate']['settings'], onEvent, stopRequested);
    case 'analyze':
      return analyzeTask(settings as Tasks['analyze']['settings'], onEvent, stopRequested);
    case 'compare':
      return compareTask(settings as Tasks['compare']['settings'], onEvent, stopRequested);
    case 'demo':
      return demoTask(settings as Tasks['demo']['settings'], onEvent, stopRequested);
  }
}

try {
  post({ kind: 'result', result: await perform() });
} catch (error) {
  if (error instanceof InputError) post({ kind: 'refusal', message: error.message });
  else
    post({ kind: 'failure', stack: error instanceof Error ? (error.stack ?? error.message) : String(error) });
}
