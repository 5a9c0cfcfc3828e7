/** The reference evaluator: runs a graph by the operators' definitions in float64. Slow and exact; for tests. */
import type { ConstantAttributes, Graph, Value } from '../graph/index.js';
import { toFloat32 } from '../tensor/index.js';
import { operatorOf } from './catalogue.js';
import type { Numbers } from './operator.js';

/** Values of the graph's outputs for the given inputs, all in float64. */
export function evaluate(graph: Graph, feeds: ReadonlyMap<string, Numbers>): Map<string, Numbers> {
  const values = new Map<Value, Numbers>();
  for (const [name, value] of graph.inputs) {
    const feed = feeds.get(name);
    if (!feed) throw new Error(`evaluate: no value for input "${name}"`);
    values.set(value, feed);
  }
  for (const node of graph.nodes) {
    if (node.op === 'input') continue;
    if (node.op === 'constant') {
      const { tensor } = node.attributes as ConstantAttributes;
      values.set(
        node.outputs[0]!,
        Float64Array.from(tensor.data instanceof Float64Array ? tensor.data : toFloat32(tensor)),
      );
      continue;
    }
    const results = operatorOf(node.op).evaluate(
      node.inputs.map((value) => values.get(value)!),
      node,
    );
    node.outputs.forEach((value, i) => {
      values.set(value, results[i]!);
    });
  }
  return new Map([...graph.outputs].map(([name, value]) => [name, values.get(value)!]));
}
