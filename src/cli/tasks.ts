/** What a worker thread does for a command, and the messages between the two. */
import type { InputError } from '../errors.js';
import type { RunEvent, RunResult, TrainConfig } from '../train/index.js';
import type { AnalyzeResult, AnalyzeSettings } from './analyze-task.js';
import type { CaptionResult, CaptionSettings } from './caption-task.js';
import type { CompareEvent, CompareResult, CompareSettings } from './compare/task.js';
import type { DemoConfig } from './demo/config.js';
import type { DemoEvent, DemoResult } from './demo/task.js';
import type { EvaluateEvent, EvaluateResult, EvaluateSettings } from './evaluate-task.js';
import type { GenerateResult, GenerateSettings } from './generate-task.js';

/** Each task with its settings, its events and its result. */
export interface Tasks {
  train: { settings: TrainConfig; event: RunEvent; result: RunResult };
  generate: {
    settings: GenerateSettings;
    event: { done: number; total: number };
    result: GenerateResult;
  };
  caption: {
    settings: CaptionSettings;
    event: { done: number; total: number };
    result: CaptionResult;
  };
  evaluate: {
    settings: EvaluateSettings;
    event: EvaluateEvent;
    result: EvaluateResult;
  };
  analyze: {
    settings: AnalyzeSettings;
    event: { done: number; total: number };
    result: AnalyzeResult;
  };
  compare: { settings: CompareSettings; event: CompareEvent; result: CompareResult };
  demo: { settings: DemoConfig; event: DemoEvent; result: DemoResult };
}

export type TaskName = keyof Tasks;

export interface TaskRequest<Name extends TaskName = TaskName> {
  readonly name: Name;
  readonly settings: Tasks[Name]['settings'];
  /** One number, 1 where the task is asked to stop: a thread that computes reads no messages. */
  readonly stop: Int32Array;
}

export type TaskMessage =
  | { kind: 'event'; event: unknown }
  | { kind: 'result'; result: unknown }
  /** A user's mistake, told in a sentence. */
  | { kind: 'refusal'; message: InputError['message'] }
  /** Anything else that was thrown. */
  | { kind: 'failure'; stack: string };
