/** Weights of which a search takes the gradients of all entries. */
import type { GradientRequest } from '../autodiff/index.js';
import type { Value } from '../graph/index.js';
import { type Network, parameterInput } from '../nn/index.js';
import type { AdamWOptions } from './adamw.js';
import { candidates } from './chosen-entries.js';
import type { TrainedEntries } from './trained-tensor.js';

export interface WholeWeight extends TrainedEntries {
  readonly selected: undefined;
  readonly size: number;
}

export function wholeWeights(network: Network, options: AdamWOptions): WholeWeight[] {
  return candidates(network, options).map(([key, { data }]) => ({
    name: parameterInput(network, key),
    key,
    network,
    selected: undefined,
    size: data.length,
  }));
}

/** Requests for their whole gradients, of those that the graph has. */
export function wholeRequests(
  weights: readonly WholeWeight[],
  values: ReadonlyMap<string, Value>,
): Map<string, GradientRequest> {
  return new Map(
    weights.flatMap(({ name }) => {
      const of = values.get(name);
      return of ? [[name, { of }] as const] : [];
    }),
  );
}

/** Number of their entries. */
export function entriesOf(weights: readonly WholeWeight[]): number {
  return weights.reduce((sum, { size }) => sum + size, 0);
}
