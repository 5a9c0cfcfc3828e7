/** What the trainer asks of an optimizer: which gradients it needs, and an update from them. */
import type { GradientRequest } from '../autodiff/index.js';
import type { Value } from '../graph/index.js';
import type { Tensor } from '../tensor/index.js';

export interface StepOptions {
  /** The rate of this step, where a schedule changes it. */
  learningRate?: number;
  /** Scales the gradients of all trained entries down to this global norm; off where undefined. */
  maxGradientNorm?: number;
}

export interface StepReport {
  /** Global norm of the gradients of all trained entries, before clipping. */
  readonly gradientNorm: number;
  readonly learningRate: number;
  /** Terms that the optimizer adds to the loss, by name. */
  readonly losses: Readonly<Record<string, number>>;
}

export interface OptimizerState {
  readonly step: number;
  readonly tensors: ReadonlyMap<string, Tensor>;
}

export interface Optimizer {
  /** Rate before any schedule. */
  readonly learningRate: number;
  readonly trainedCount: number;
  /** Updates done so far. */
  readonly step: number;
  /** Gradients to compute, by the name of the weight's input; the graph must be compiled again when they change. */
  requests(weights: ReadonlyMap<string, Value>): Map<string, GradientRequest>;
  /** Values of further inputs that the requests use. */
  feeds(): ReadonlyMap<string, Tensor>;
  /** Writes new values into the networks' weights. The gradients are those requested. */
  update(gradients: ReadonlyMap<string, Float32Array>, options?: StepOptions): Promise<StepReport>;
  /** All that is needed, beside the weights, to go on from here. */
  state(): OptimizerState;
  restore(state: OptimizerState): void;
}
