/** A graph as text, one node a line: `%7: float32[1, 320, 64, 64] = conv2d(%3, conv_in.weight) {"stride":1}`. */
import type { Graph } from './graph.js';
import { describe, type Node, type Value } from './value.js';

/** The graph in running order, with inputs by name and constants by shape. */
export function printGraph(graph: Graph): string {
  const names = new Map<Value, string>();
  const nameOf = (value: Value): string => names.get(value) ?? `%${value.id}`;
  for (const [name, value] of graph.inputs) names.set(value, name);
  const lines = [...graph.inputs].map(([name, value]) => `input ${name}: ${describe(value)}`);
  for (const node of graph.nodes) {
    if (node.op !== 'input') lines.push(printNode(node, nameOf));
  }
  for (const [name, value] of graph.outputs) lines.push(`output ${name} = ${nameOf(value)}`);
  return lines.join('\n');
}

function printNode(node: Node, nameOf: (value: Value) => string): string {
  const results = node.outputs.map((value) => `${nameOf(value)}: ${describe(value)}`).join(', ');
  if (node.op === 'constant') return `${results} = constant`;
  const attributes = JSON.stringify(node.attributes);
  const suffix = attributes && attributes !== '{}' ? ` ${attributes}` : '';
  return `${results} = ${node.op}(${node.inputs.map(nameOf).join(', ')})${suffix}`;
}
