/** A graph: named outputs and all that they depend on, in an order in which it can run. */
import { GraphError, inputName, type Node, type Value } from './value.js';

export interface Graph {
  /** Fed values by name. */
  readonly inputs: ReadonlyMap<string, Value>;
  readonly outputs: ReadonlyMap<string, Value>;
  /** Every node the outputs need, producers before consumers. */
  readonly nodes: readonly Node[];
}

/** Collects the graph that computes the outputs. Throws if two inputs, or an input and an output, share a name. */
export function graphOf(outputs: Readonly<Record<string, Value>> | ReadonlyMap<string, Value>): Graph {
  const named = new Map(outputs instanceof Map ? outputs : Object.entries(outputs));
  const nodes = ancestors([...named.values()]);
  const inputs = new Map<string, Value>();
  for (const node of nodes) {
    if (node.op !== 'input') continue;
    const value = node.outputs[0]!;
    const name = inputName(value);
    if (inputs.has(name)) throw new GraphError(`two inputs of one graph are named "${name}"`);
    if (named.has(name)) throw new GraphError(`an input and an output of one graph are both named "${name}"`);
    inputs.set(name, value);
  }
  return { inputs, outputs: named, nodes };
}

/** The nodes that the values depend on (their own included), producers before consumers. */
export function ancestors(values: readonly Value[]): Node[] {
  const found = new Set<Node>();
  const pending = values.map((value) => value.node);
  for (let node = pending.pop(); node; node = pending.pop()) {
    if (found.has(node)) continue;
    found.add(node);
    for (const value of node.inputs) pending.push(value.node);
  }
  return [...found].sort((a, b) => a.outputs[0]!.id - b.outputs[0]!.id);
}
