/** Stages: the pieces of a graph that run, and are recomputed in the backward pass, one at a time. */
import { createNode, type Graph, input, type Node, type Value } from '../graph/index.js';

/** Consecutive nodes that run in one piece. */
export interface Stage {
  readonly nodes: readonly Node[];
  /** Values of earlier stages that this one reads. */
  readonly reads: readonly Value[];
  /** Values that later stages or the caller read. */
  readonly writes: readonly Value[];
}

const isLeaf = (node: Node): boolean => node.op === 'input' || node.op === 'constant';

/** The name under which a value crosses from one stage's graph to another's. */
export const nameOf = (value: Value): string => `value ${value.id}`;

/** A graph as one stage, or cut at the borders of segments. Inputs and constants belong to every stage that reads them. */
export function stagesOf(graph: Graph, cut: boolean): Stage[] {
  const pieces: Node[][] = [];
  let segment: number | undefined;
  for (const node of graph.nodes) {
    if (isLeaf(node)) continue;
    if (pieces.length === 0 || (cut && node.segment !== segment)) pieces.push([]);
    segment = node.segment;
    pieces.at(-1)!.push(node);
  }
  const stageOf = new Map<Node, number>(
    pieces.flatMap((nodes, i) => nodes.map((node) => [node, i] as const)),
  );
  const reads = pieces.map(() => new Set<Value>());
  const writes = pieces.map(() => new Set<Value>());
  pieces.forEach((nodes, i) => {
    for (const value of nodes.flatMap((node) => node.inputs)) {
      const origin = stageOf.get(value.node);
      if (origin === undefined || origin === i) continue;
      reads[i]!.add(value);
      writes[origin]!.add(value);
    }
  });
  for (const value of graph.outputs.values()) {
    const origin = stageOf.get(value.node);
    if (origin !== undefined) writes[origin]!.add(value);
  }
  return pieces.map((nodes, i) => ({ nodes, reads: [...reads[i]!], writes: [...writes[i]!] }));
}

/** Builds a stage's nodes anew on fresh inputs for what it reads; returns where each old value went. */
export function rebuild({ nodes, reads }: Stage): Map<Value, Value> {
  const moved = new Map<Value, Value>(
    reads.map((value) => [value, input(nameOf(value), value.shape, value.dtype)]),
  );
  for (const node of nodes) {
    const inputs = node.inputs.map((value) => moved.get(value) ?? value);
    const { outputs } = createNode(node.op, inputs, node.attributes, node.outputs);
    node.outputs.forEach((value, i) => {
      moved.set(value, outputs[i]!);
    });
  }
  return moved;
}

/** The values, in all stages, through which a gradient reaches any of the sources. */
export function dependsOn(stages: readonly Stage[], sources: readonly Value[]): Set<Value> {
  const found = new Set(sources);
  for (const { nodes } of stages) {
    for (const node of nodes) {
      if (node.inputs.some((value) => found.has(value))) for (const output of node.outputs) found.add(output);
    }
  }
  return found;
}
