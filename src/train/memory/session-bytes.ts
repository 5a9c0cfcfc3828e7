/** How much memory a graph takes while ONNX Runtime runs it, from shapes alone. */
import { type Graph, type Node, numel, type Value } from '../../graph/index.js';
import { BYTES_PER_ELEMENT } from '../../tensor/index.js';

export interface SessionBytes {
  /** The most that the session holds at once: values on their way, buffers that wait for the next, and results. */
  readonly peak: number;
  /** The results that the session allocates. */
  readonly results: number;
}

export const bytesOf = (value: Value): number => numel(value) * BYTES_PER_ELEMENT[value.dtype];

/** Memory that one value after another lies in, all of one shape. */
interface Buffer {
  /** Values of one kind may follow each other. */
  readonly kind: string;
  readonly bytes: number;
  /** When it is taken, and when the last value in it ends; steps of the running order. */
  readonly from: number;
  to: number;
}

/**
 * What ONNX Runtime's plan for one graph holds (core/framework/allocation_planner.cc): an elementwise result takes the
 * place of an input that ends with it; other values take the buffer of one of their shape that ended last, or a new
 * one; a buffer is given back only when no later value takes it. `given` are results written into memory that is there.
 */
export function sessionBytes(graph: Graph, given: ReadonlySet<Value> = new Set()): SessionBytes {
  const order = runningOrder(graph);
  const results = new Set([...graph.outputs.values()].map(owner));
  const placed = new Set([...given].map(owner));
  const lastUse = new Map<Value, number>();
  order.forEach((node, step) => {
    for (const value of node.inputs) lastUse.set(owner(value), step);
  });
  const buffers: Buffer[] = [];
  const bufferOf = new Map<Value, Buffer>();
  const waiting = new Map<string, Buffer[]>();
  const take = (kind: string, bytes: number, step: number): Buffer => {
    const found = waiting.get(kind)?.pop();
    if (found) return found;
    const buffer = { kind, bytes, from: step, to: step };
    buffers.push(buffer);
    return buffer;
  };
  const giveBack = (buffer: Buffer): void => {
    if (!waiting.has(buffer.kind)) waiting.set(buffer.kind, []);
    waiting.get(buffer.kind)!.push(buffer);
  };
  order.forEach((node, step) => {
    if (isView(node)) return;
    for (const value of node.outputs) {
      if (placed.has(value) || !(lastUse.has(value) || results.has(value))) continue;
      const replaced = isElementwise(node)
        ? node.inputs.map(owner).find((x) => ends(x, value, step))
        : undefined;
      const kind = results.has(value) ? 'result' : String(value.shape);
      bufferOf.set(value, replaced ? bufferOf.get(replaced)! : take(kind, bytesOf(value), step));
      if (replaced) bufferOf.delete(replaced);
    }
    const workspaces = workspacesOf(node).map((bytes) => take(`workspace ${bytes}`, bytes, step));
    for (const buffer of workspaces) {
      buffer.to = step;
      giveBack(buffer);
    }
    for (const value of new Set([...node.inputs, ...node.outputs].map(owner))) {
      const buffer = bufferOf.get(value);
      if (!buffer) continue;
      buffer.to = results.has(value) ? order.length : step;
      if (results.has(value) || lastUse.get(value) !== step) continue;
      bufferOf.delete(value);
      giveBack(buffer);
    }
  });
  const ownResults = buffers.filter(({ to }) => to === order.length);
  return {
    peak: largestSum(buffers, order.length + 1),
    results: ownResults.reduce((sum, { bytes }) => sum + bytes, 0),
  };

  function ends(x: Value, y: Value, step: number): boolean {
    const ended = bufferOf.has(x) && lastUse.get(x) === step;
    return ended && !results.has(x) && !results.has(y) && bytesOf(x) === bytesOf(y);
  }
}

function largestSum(buffers: readonly Buffer[], steps: number): number {
  const change = new Float64Array(steps + 1);
  for (const { bytes, from, to } of buffers) {
    change[from]! += bytes;
    change[to + 1]! -= bytes;
  }
  let [sum, largest] = [0, 0];
  for (const difference of change) {
    sum += difference;
    largest = Math.max(largest, sum);
  }
  return largest;
}

/** Takes no memory of its own. */
const isView = (node: Node): boolean => node.op === 'reshape';
const owner = (value: Value): Value => (isView(value.node) ? owner(value.node.inputs[0]!) : value);
const isLeaf = (node: Node): boolean => node.op === 'input' || node.op === 'constant';

/**
 * The order in which ONNX Runtime runs nodes one at a time: depth first from the results, the last result first, and of a
 * node's inputs the one made last first (core/graph/graph.cc, ReverseDFSFrom, as graph_viewer.cc calls it).
 */
function runningOrder({ nodes }: Graph): Node[] {
  const running = nodes.filter((node) => !isLeaf(node));
  const place = new Map(running.map((node, i) => [node, i]));
  const used = new Set(running.flatMap((node) => node.inputs.map((value) => value.node)));
  const stack = running.filter((node) => !used.has(node)).map((node) => ({ node, leaving: false }));
  const visited = new Set<Node>();
  const order: Node[] = [];
  for (let top = stack.pop(); top; top = stack.pop()) {
    const { node, leaving } = top;
    if (leaving) order.push(node);
    if (leaving || visited.has(node)) continue;
    visited.add(node);
    stack.push({ node, leaving: true });
    const sources = [...new Set(node.inputs.map((value) => value.node))].filter((source) =>
      place.has(source),
    );
    const rank = (source: Node) => (convertsWeight(source) ? -1 : place.get(source)!);
    for (const source of sources.sort((a, b) => rank(a) - rank(b)))
      if (!visited.has(source)) stack.push({ node: source, leaving: false });
  }
  return order;
}

/** Weights kept in float16 become float32 last of a node's inputs, as far as was seen. */
const convertsWeight = ({ op, inputs }: Node): boolean => op === 'cast' && inputs[0]!.node.op === 'input';

const ELEMENTWISE: ReadonlySet<string> = new Set([
  ...['neg', 'exp', 'log', 'sqrt', 'reciprocal', 'sigmoid', 'tanh', 'erf', 'sin', 'cos', 'abs', 'sign'],
  ...['add', 'sub', 'mul', 'div', 'maximum', 'greater', 'softmax'],
]);
const isElementwise = (node: Node): boolean => ELEMENTWISE.has(node.op);

/** Scores that attention has at once, in bytes; see LARGEST_SCORES in ops/attention.ts. */
const LARGEST_SCORES = 16 * 2 ** 20;
/** Columns that a convolution's weight gradient has at once, in bytes; see LARGEST_COLUMNS in ops/convolution.ts. */
const LARGEST_COLUMNS = 32 * 2 ** 20;

/** What an operator takes beside its inputs and outputs, buffer by buffer, for those to whom it matters. */
function workspacesOf(node: Node): number[] {
  const inputs = node.inputs.map(bytesOf);
  const [a, b] = inputs as [number, number];
  switch (node.op) {
    case 'standardize':
      return [a];
    // The gradient turned around, the weight with its channels exchanged, and the result before it is turned back.
    case 'conv2d_input_gradient':
      return [a, b, bytesOf(node.outputs[0]!)];
    // The gradient with its axes exchanged; columns, before and after they are joined; the result before it is reshaped.
    case 'conv2d_weight_gradient':
      return [a, Math.min(LARGEST_COLUMNS, 9 * b), Math.min(LARGEST_COLUMNS, 9 * b)];
    // Scores and probabilities of a slice of queries, and queries and keys that are scaled and turned.
    case 'attention':
      return [scoresOf(node), scoresOf(node), a, b];
    // Scores, probabilities and their gradients of a slice of queries, and what is scaled, turned and summed up.
    case 'attention_gradient':
      return [...new Array<number>(5).fill(scoresOf(node)), ...inputs];
    default:
      return [];
  }
}

const scoresOf = (node: Node): number => Math.min(LARGEST_SCORES, allScoresOf(node));

function allScoresOf({ inputs }: Node): number {
  const [batch, heads, queries] = inputs[0]!.shape as [number, number, number, number];
  return 4 * batch * heads * queries * inputs[1]!.shape[2]!;
}
