/** What a run asks of its surroundings and tells them. */
import type { Image } from '../formats/index.js';
import type { StableDiffusion } from '../models/index.js';
import type { RunEstimate } from './memory/run-estimate.js';

export type RunEvent =
  | { type: 'note'; text: string }
  | { type: 'memory'; estimate: RunEstimate }
  | { type: 'searching'; steps: number; images: number }
  | { type: 'selected'; trained: number; total: number; threshold: number | undefined; learningRate: number }
  | { type: 'class picture'; done: number; total: number }
  | { type: 'encoded'; done: number; total: number }
  | { type: 'resumed'; step: number; path: string }
  | {
      type: 'step';
      step: number;
      steps: number;
      loss: number;
      gradientNorm: number;
      learningRate: number;
      images: number;
      seconds: number;
    }
  | { type: 'sampled'; step: number; path: string }
  | { type: 'saved'; step: number; path: string };

export interface SampleRequest {
  prompts: readonly string[];
  size: number;
  steps: number;
  guidance: number;
  seed: number;
}

/** What a run asks of its surroundings. */
export interface RunHooks {
  onEvent?(event: RunEvent): void;
  /** Asked after every step: true ends the run with a checkpoint. */
  stopRequested?(): boolean;
  /** Draws the prompts on one sheet; without it there are no samples. */
  sample?(sd: StableDiffusion, request: SampleRequest): Promise<Image>;
}

export interface RunResult {
  status: 'finished' | 'finished before' | 'stopped';
  /** Steps done. */
  step: number;
  /** All that belong to the run. */
  steps: number;
  folder: string;
  /** The adapter or the model folder; none where the run was stopped. */
  result: string | undefined;
}
