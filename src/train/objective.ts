/** What is minimized: an objective turns a batch into a loss graph and its feeds. */
import type { Value } from '../graph/index.js';
import type { Draw, Network, Scope, ScopeOptions } from '../nn/index.js';
import type { Tensor } from '../tensor/index.js';

export interface LossGraph {
  /** `loss` has one element; others are reported beside it. */
  readonly outputs: Readonly<Record<string, Value>> & { readonly loss: Value };
  /** Every weight in the graph, by the name of its input. */
  readonly weights: ReadonlyMap<string, Value>;
  /** What is drawn for every step, by the name of its input; nothing unless the graph is for training. */
  readonly draws: ReadonlyMap<string, Draw>;
}

/** What a graph reads through scopes. */
export function readBy(...scopes: readonly Scope[]): Pick<LossGraph, 'weights' | 'draws'> {
  return {
    weights: new Map(scopes.flatMap(({ inputs }) => [...inputs])),
    draws: new Map(scopes.flatMap(({ draws }) => [...draws])),
  };
}

export interface Objective<Batch> {
  /** The networks whose weights the graph reads, apart from what adapts them. */
  readonly networks: readonly Network[];
  /** Number of samples in a batch: its weight where batches are averaged. */
  size(batch: Batch): number;
  /** Batches with equal signatures share a graph. */
  signature(batch: Batch): string;
  build(batch: Batch, options?: ScopeOptions): LossGraph;
  feeds(batch: Batch): Map<string, Tensor>;
}
