/** A graph as the bytes of an ONNX model; inputs and outputs keep their names. */
import {
  type ConstantAttributes,
  type Graph,
  inputName,
  type Node,
  OnnxBuilder,
  type Value,
} from '../graph/index.js';
import { operatorOf } from './catalogue.js';

export function toOnnx(graph: Graph): Uint8Array {
  const onnx = new OnnxBuilder();
  const names = new Map<Value, string>();
  for (const node of [...graph.nodes].sort((a, b) => Number(readsMuch(a)) - Number(readsMuch(b)))) {
    const [first] = node.outputs;
    if (node.op === 'input') {
      onnx.input(inputName(first!), first!);
      names.set(first!, inputName(first!));
    } else if (node.op === 'constant') {
      names.set(first!, onnx.constant((node.attributes as ConstantAttributes).tensor));
    } else {
      const lowered = operatorOf(node.op).lower(
        onnx,
        node.inputs.map((value) => names.get(value)!),
        node,
      );
      node.outputs.forEach((value, i) => {
        names.set(value, lowered[i]!);
      });
    }
  }
  for (const [name, value] of graph.outputs) onnx.output(name, names.get(value)!, value);
  return onnx.encode();
}

/**
 * Inputs, and what is made of one input alone, such as a weight made float32, come first. ONNX Runtime runs a node's
 * predecessors from the last in the file to the first, so these run just before they are used, not all at once before
 * everything else.
 */
const readsMuch = ({ inputs }: Node): boolean =>
  inputs.some((value) => value.node.inputs.length > 0) || inputs.length > 1;
