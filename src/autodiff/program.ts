/** A loss and its gradients, compiled: as one graph, or in segments whose inner values are computed again going back. */
import { createNode, type Graph, GraphError, graphOf, input, type Node, type Value } from '../graph/index.js';
import { add, compile } from '../ops/index.js';
import type { RuntimeOptions, Session } from '../runtime/index.js';
import type { Tensor } from '../tensor/index.js';
import { gradients, onesLike, vectorJacobianProduct } from './gradients.js';

/** Which gradient is wanted, and what of it leaves the graph. */
export interface GradientRequest {
  readonly of: Value;
  /** The part of the gradient that is kept, such as its entries at given positions; all of it unless said. */
  readonly read?: (gradient: Value) => Value;
}

export interface LossOptions extends RuntimeOptions {
  /** Keep only what crosses segments for the backward pass: less memory for a second forward pass. */
  checkpoint?: boolean;
}

export interface LossResult {
  readonly outputs: ReadonlyMap<string, Tensor>;
  /** By the request's name; absent where the loss does not depend on the value. */
  readonly gradients: ReadonlyMap<string, Tensor>;
}

export interface LossProgram {
  run(feeds: ReadonlyMap<string, Tensor>): Promise<LossResult>;
  dispose(): Promise<void>;
}

/** Compiles `outputs` (one of them named `loss`, of one element) and the requested gradients of the loss. */
export function compileLoss(
  outputs: Readonly<Record<string, Value>>,
  requests: ReadonlyMap<string, GradientRequest>,
  options: LossOptions = {},
): Promise<LossProgram> {
  if (!outputs.loss)
    throw new GraphError(`compileLoss: expected an output "loss", got ${Object.keys(outputs)}`);
  return options.checkpoint
    ? compileSegments(outputs, requests, options)
    : compileWhole(outputs, requests, options);
}

const GRADIENT = 'gradient of ';
const identity = (gradient: Value): Value => gradient;

async function compileWhole(
  outputs: Readonly<Record<string, Value>>,
  requests: ReadonlyMap<string, GradientRequest>,
  options: LossOptions,
): Promise<LossProgram> {
  const all = new Map(Object.entries(outputs));
  const found = gradients(
    outputs.loss!,
    [...requests.values()].map((request) => request.of),
  );
  [...requests].forEach(([name, { read = identity }], i) => {
    if (found[i]) all.set(GRADIENT + name, read(found[i]));
  });
  const session = await compile(graphOf(all), options);
  return {
    run: async (feeds) => separate(await session.run(feeds)),
    dispose: () => session.dispose(),
  };
}

function separate(results: ReadonlyMap<string, Tensor>): LossResult {
  const outputs = new Map<string, Tensor>();
  const found = new Map<string, Tensor>();
  for (const [name, value] of results) {
    if (name.startsWith(GRADIENT)) found.set(name.slice(GRADIENT.length), value);
    else outputs.set(name, value);
  }
  return { outputs, gradients: found };
}

/** Consecutive nodes of one segment: what runs, and is recomputed, in one piece. */
interface Stage {
  readonly nodes: readonly Node[];
  /** Values of earlier stages that this one reads. */
  readonly reads: readonly Value[];
  /** Values that later stages or the caller read. */
  readonly writes: readonly Value[];
}

const isLeaf = (node: Node): boolean => node.op === 'input' || node.op === 'constant';
const nameOf = (value: Value): string => `value ${value.id}`;

/** Cuts a graph into stages at the borders of segments. Inputs and constants belong to every stage that reads them. */
function stagesOf(graph: Graph): Stage[] {
  const pieces: Node[][] = [];
  let segment: number | undefined;
  for (const node of graph.nodes) {
    if (isLeaf(node)) continue;
    if (node.segment !== segment || pieces.length === 0) pieces.push([]);
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
function rebuild({ nodes, reads }: Stage): Map<Value, Value> {
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

interface CompiledStage {
  readonly forward: Session | undefined;
  readonly backward: Session;
}

async function compileSegments(
  outputs: Readonly<Record<string, Value>>,
  requests: ReadonlyMap<string, GradientRequest>,
  options: LossOptions,
): Promise<LossProgram> {
  // A session for each stage that kept its buffers would hold more together than one for the whole graph.
  const runtime = { ...options, keepBuffers: false };
  const stages = stagesOf(graphOf(outputs));
  const needed = dependsOn(
    stages,
    [...requests.values()].map((request) => request.of),
  );
  /** How many stages have contributed to the gradient of each value that crosses a border. */
  const contributions = new Map<Value, number>();
  const compiled: CompiledStage[] = [];
  for (const [i, stage] of [...stages.entries()].reverse()) {
    const last = i === stages.length - 1;
    const moved = rebuild(stage);
    const results = new Map<string, Value>();
    const seeds = new Map<Value, Value>();
    for (const value of stage.writes) {
      const parts = Array.from({ length: contributions.get(value) ?? 0 }, (_, k) =>
        input(contributionName(value, k), value.shape, value.dtype),
      );
      if (value === outputs.loss) parts.push(onesLike(value));
      if (parts.length > 0) seeds.set(moved.get(value)!, parts.reduce(add));
    }
    const wanted = [...requests].filter(([, { of }]) => stage.nodes.some((node) => node.inputs.includes(of)));
    const crossing = stage.reads.filter((value) => needed.has(value));
    const sources = [...wanted.map(([, { of }]) => of), ...crossing.map((value) => moved.get(value)!)];
    const found = vectorJacobianProduct(seeds, sources);
    wanted.forEach(([name, { read = identity }], k) => {
      if (found[k]) results.set(GRADIENT + name, read(found[k]));
    });
    crossing.forEach((value, k) => {
      const gradient = found[wanted.length + k];
      if (!gradient) return;
      const count = contributions.get(value) ?? 0;
      results.set(contributionName(value, count), gradient);
      contributions.set(value, count + 1);
    });
    const written = new Map(stage.writes.map((value) => [nameOf(value), moved.get(value)!]));
    if (last) for (const [name, value] of written) results.set(name, value);
    compiled.unshift({
      forward: last ? undefined : await compile(graphOf(written), runtime),
      backward: await compile(graphOf(results), runtime),
    });
  }
  return new SegmentedProgram(outputs, compiled);
}

const contributionName = (value: Value, index: number): string => `gradient ${index} of value ${value.id}`;

/** The values, in all stages, through which a gradient reaches any of the sources. */
function dependsOn(stages: readonly Stage[], sources: readonly Value[]): Set<Value> {
  const found = new Set(sources);
  for (const { nodes } of stages) {
    for (const node of nodes) {
      if (node.inputs.some((value) => found.has(value))) for (const output of node.outputs) found.add(output);
    }
  }
  return found;
}

class SegmentedProgram implements LossProgram {
  constructor(
    private readonly outputs: Readonly<Record<string, Value>>,
    private readonly stages: readonly CompiledStage[],
  ) {}

  async run(feeds: ReadonlyMap<string, Tensor>): Promise<LossResult> {
    const values = new Map(feeds);
    for (const { forward } of this.stages) {
      if (forward) for (const [name, value] of await forward.run(values)) values.set(name, value);
    }
    const found = new Map<string, Tensor>();
    for (const { backward } of [...this.stages].reverse()) {
      for (const [name, value] of await backward.run(values)) {
        if (!name.startsWith(GRADIENT)) values.set(name, value);
        else addInto(found, name.slice(GRADIENT.length), value);
      }
    }
    const outputs = Object.entries(this.outputs).map(
      ([name, value]) => [name, values.get(nameOf(value))!] as const,
    );
    return { outputs: new Map(outputs), gradients: found };
  }

  async dispose(): Promise<void> {
    for (const { forward, backward } of this.stages) {
      await forward?.dispose();
      await backward.dispose();
    }
  }
}

/** A value read in several stages gets its gradient in as many parts. */
function addInto(sums: Map<string, Tensor>, name: string, part: Tensor): void {
  const sum = sums.get(name)?.data as Float32Array | undefined;
  if (!sum) sums.set(name, part);
  else for (let i = 0; i < sum.length; i++) sum[i]! += (part.data as Float32Array)[i]!;
}
