/** Training: pictures, the step, whole runs. */
export { type TrainConfig, type TrainInput, trainSchema } from './config.js';
export type { Entry } from './data/entry.js';
export { type Batch, type FolderReport, ImageFolder, type ImageFolderOptions } from './data/image-folder.js';
export type { Sample } from './data/sample.js';
export { scanFolder } from './data/scan.js';
export { MovingAverage } from './ema.js';
export { InUseError, lockFolder } from './lock.js';
export type { RunEstimate } from './memory/run-estimate.js';
export { readPrompts } from './prompts.js';
export { trainRun } from './run.js';
export type { RunEvent, RunHooks, RunResult, SampleRequest } from './run-events.js';
export { constantSchedule, cosineSchedule } from './schedule.js';
export { DivergenceError, type StepResult } from './stepper.js';
export { type LoadPixels, Trainer, type TrainerOptions, type TrainerStep } from './trainer.js';
