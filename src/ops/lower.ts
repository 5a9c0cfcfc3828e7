/** A graph as the bytes of an ONNX model; inputs and outputs keep their names. */
import { type ConstantAttributes, type Graph, inputName, OnnxBuilder, type Value } from '../graph/index.js';
import { operatorOf } from './catalogue.js';

export function toOnnx(graph: Graph): Uint8Array {
  const onnx = new OnnxBuilder();
  const names = new Map<Value, string>();
  for (const node of graph.nodes) {
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
