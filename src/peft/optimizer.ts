/** What the trainer asks of an optimizer: which gradients it needs, an update from them, and what was learned. */
import type { GradientRequest, NamedGradient } from '../autodiff/index.js';
import type { Value } from '../graph/index.js';
import type { Tensor } from '../tensor/index.js';
import type { Adapter, AdapterInfo } from './adapter/adapter.js';
import type { TrainedEntries } from './trained-tensor.js';

export interface StepOptions {
  /** The rate of this step, where a schedule changes it. */
  learningRate?: number;
  /** Scales the gradients of all trained entries down to this global norm; off where undefined. */
  maxGradientNorm?: number | undefined;
}

/** Gradients by the names of their weights, such as a map of them. */
export type Gradients = Iterable<NamedGradient> | AsyncIterable<NamedGradient>;

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
  /** What trains, weight by weight; of a search, all that may. */
  readonly tensors: readonly TrainedEntries[];
  /** Updates that find out what trains; a schedule begins anew after them. 0 where that is known from the start. */
  readonly searchSteps: number;
  /** Rate before any schedule. */
  readonly learningRate: number;
  readonly trainedCount: number;
  /** Weights of lesser magnitude train, where that is how they are chosen. */
  readonly threshold?: number | undefined;
  /** Updates done so far. */
  readonly step: number;
  /** Gradients to compute, by the name of the weight's input; the graph must be compiled again when they change. */
  requests(weights: ReadonlyMap<string, Value>): Map<string, GradientRequest>;
  /**
   * Writes new values into the networks' weights. The gradients are those requested, and may be overwritten. Without
   * clipping each is used and let go at once; with clipping all must stay valid until the update is made.
   */
  update(gradients: Gradients, options?: StepOptions): Promise<StepReport>;
  /** All that is needed, beside the base weights, to go on from here. The arrays are the optimizer's own. */
  state(): OptimizerState;
  /** Goes on from a state, on base weights. Throws InputError where it is of another run. */
  restore(state: OptimizerState): void;
  /** What was learned so far, to be saved and put on the base weights again. */
  adapter(info?: AdapterInfo): Adapter;
  /** Saves the adapter. Throws InputError where the operating system refuses. */
  save(path: string, info?: AdapterInfo): Promise<void>;
}
