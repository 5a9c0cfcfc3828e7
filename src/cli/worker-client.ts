/** Runs a task in a worker thread, so that this thread can show progress and hear Ctrl-C while ONNX Runtime computes. */
import { Worker } from 'node:worker_threads';
import { InputError } from '../errors.js';
import type { TaskMessage, TaskName, TaskRequest, Tasks } from './tasks.js';

/** Ctrl-C for the second time: end at once. */
export class InterruptError extends Error {
  override readonly name = 'InterruptError';
}

/**
 * The task's result. SIGINT and SIGTERM ask the task to stop, and `onStop` is called; the second one throws
 * InterruptError. An InputError of the task is thrown here again.
 */
export async function runTask<Name extends TaskName>(
  name: Name,
  settings: Tasks[Name]['settings'],
  onEvent: (event: Tasks[Name]['event']) => void,
  onStop: () => void,
): Promise<Tasks[Name]['result']> {
  const stop = new Int32Array(new SharedArrayBuffer(4));
  const worker = startWorker({ name, settings, stop });
  let interrupt = () => {};
  try {
    return await new Promise((resolve, reject) => {
      interrupt = () => {
        if (Atomics.exchange(stop, 0, 1) === 1) reject(new InterruptError('stopped at once'));
        else onStop();
      };
      for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, interrupt);
      worker.on('message', (message: TaskMessage) => {
        if (message.kind === 'event') onEvent(message.event as Tasks[Name]['event']);
        if (message.kind === 'result') resolve(message.result as Tasks[Name]['result']);
        if (message.kind === 'refusal') reject(new InputError(message.message));
        if (message.kind === 'failure') reject(withStack(message.stack));
      });
      worker.on('error', reject);
      worker.on('exit', (code) => reject(new Error(`the worker thread ended early with code ${code}`)));
    });
  } finally {
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.off(signal, interrupt);
  }
}

function withStack(stack: string): Error {
  return Object.assign(new Error(stack.split('\n')[0]), { stack });
}

/** In a built package the worker is a file beside this one; where tsx runs the sources, a thread must load tsx again. */
function startWorker(request: TaskRequest): Worker {
  const options = { workerData: request };
  if (import.meta.url.endsWith('.js')) return new Worker(new URL('./worker.js', import.meta.url), options);
  const tsx = JSON.stringify(import.meta.resolve('tsx/esm/api'));
  const source = JSON.stringify(new URL('./worker.ts', import.meta.url).href);
  const start = `import(${tsx}).then(({ register }) => { register(); return import(${source}); })`;
  return new Worker(start, { ...options, eval: true });
}
