/** A loss and its gradients, compiled: as one graph, or in stages whose inner values are computed again going back. */
import { GraphError, graphOf, input, inputName, type Value } from '../graph/index.js';
import { SampledGradients } from '../kernels/index.js';
import { add, cast } from '../ops/index.js';
import type { RuntimeOptions } from '../runtime/index.js';
import type { Tensor } from '../tensor/index.js';
import { onesLike, vectorJacobianProduct } from './gradients.js';
import { type GradientRequest, type Kernels, type Reading, readingOf } from './request.js';
import { dependsOn, nameOf, rebuild, type Stage, stagesOf } from './stage.js';
import { nameAgain, StagedProgram, type StagePlan } from './staged-program.js';

export interface LossOptions extends RuntimeOptions {
  /** Keep only what crosses segments for the backward pass: less memory for a second forward pass. */
  checkpoint?: boolean;
  /** Compute gradients at chosen entries without the whole gradient where that is faster; on the CPU unless said. */
  sampled?: boolean;
}

export interface LossResult {
  readonly outputs: ReadonlyMap<string, Tensor>;
  /**
   * By the request's name, each computed when it is asked for and valid until the next is, or, held, for good; none
   * where the loss does not depend on the value. A weight may change as soon as its gradient is there: what comes
   * later does not read it.
   */
  readonly gradients: AsyncIterable<NamedGradient>;
}

/** `squares` is Σ gradient², where that is known. */
export type NamedGradient = readonly [name: string, gradient: Float32Array, squares?: number | undefined];

/** Copies of all gradients, by name. */
export async function collectGradients(
  gradients: Iterable<NamedGradient> | AsyncIterable<NamedGradient>,
): Promise<Map<string, Float32Array>> {
  const all = new Map<string, Float32Array>();
  for await (const [name, gradient] of gradients) all.set(name, gradient.slice());
  return all;
}

export interface RunOptions {
  /** Give each gradient memory of its own, so that all stay valid. */
  readonly hold?: boolean;
}

export interface LossProgram {
  run(feeds: ReadonlyMap<string, Tensor>, options?: RunOptions): Promise<LossResult>;
  dispose(): Promise<void>;
}

/** Compiles `outputs` (one of them named `loss`, of one element) and the requested gradients of the loss. */
export async function compileLoss(
  outputs: Readonly<Record<string, Value>>,
  requests: ReadonlyMap<string, GradientRequest>,
  options: LossOptions = {},
): Promise<LossProgram> {
  if (!outputs.loss)
    throw new GraphError(`compileLoss: expected an output "loss", got ${Object.keys(outputs)}`);
  const { checkpoint = false, sampled = (options.device ?? 'cpu') === 'cpu' } = options;
  const kernels =
    sampled && [...requests.values()].some(({ positions }) => positions)
      ? await SampledGradients.create({ threads: options.threads })
      : undefined;
  const plans = planLoss(outputs as LossOutputs, requests, checkpoint, kernels);
  const runtime = { ...options, inTurn: checkpoint };
  return StagedProgram.compile(outputs, plans, runtime, kernels);
}

/** Named values, the loss among them. */
export type LossOutputs = Readonly<Record<string, Value>> & { readonly loss: Value };

/** The graphs of a program, stage by stage; `kernels` are what sampled gradients are computed with, if any are to be. */
export function planLoss(
  outputs: LossOutputs,
  requests: ReadonlyMap<string, GradientRequest>,
  checkpoint: boolean,
  kernels: Kernels | undefined,
): StagePlan[] {
  return planStages(stagesOf(graphOf(outputs), checkpoint), outputs.loss, requests, kernels);
}

/** Builds the graphs of all stages, last to first, since each needs to know which gradients reach it. */
function planStages(
  stages: readonly Stage[],
  loss: Value,
  requests: ReadonlyMap<string, GradientRequest>,
  kernels: Kernels | undefined,
): StagePlan[] {
  const needed = dependsOn(
    stages,
    [...requests.values()].map((request) => request.of),
  );
  /** How many stages have contributed to the gradient of each value that crosses a border. */
  const contributions = new Map<Value, number>();
  const plans: StagePlan[] = [];
  for (const [i, stage] of [...stages.entries()].reverse()) {
    const moved = rebuild(stage);
    const place = (value: Value) => moved.get(value) ?? value;
    const results = new Map<string, Value>();
    const seeds = new Map<Value, Value>();
    for (const value of stage.writes) {
      const parts = Array.from({ length: contributions.get(value) ?? 0 }, (_, k) =>
        input(contributionName(value, k), value.shape, value.dtype),
      );
      if (value === loss) parts.push(onesLike(value));
      if (parts.length > 0) seeds.set(place(value), parts.reduce(add));
    }
    const wanted = [...requests].filter(([, { of }]) => stage.nodes.some((node) => node.inputs.includes(of)));
    const crossing = stage.reads.filter((value) => needed.has(value));
    const sources = [...wanted.map(([, { of }]) => of), ...crossing].map(place);
    const found = vectorJacobianProduct(seeds, sources, rereadWeights());
    const readings = new Map<string, Reading>();
    wanted.forEach(([name, request], k) => {
      const gradient = found[k];
      if (gradient) readings.set(name, readingOf(name, request, gradient, kernels));
    });
    for (const value of [...readings.values()].flatMap(({ values }) => values))
      if (value.node.op !== 'input') results.set(nameOf(value), value);
    crossing.forEach((value, k) => {
      const gradient = found[wanted.length + k];
      if (!gradient) return;
      const count = contributions.get(value) ?? 0;
      results.set(contributionName(value, count), gradient);
      contributions.set(value, count + 1);
    });
    const written = new Map(stage.writes.map((value) => [nameOf(value), place(value)]));
    const last = i === stages.length - 1;
    if (last) for (const [name, value] of written) results.set(name, value);
    plans.unshift({
      forward: last ? undefined : graphOf(written),
      backward: graphOf(results),
      readings,
    });
  }
  return plans;
}

/**
 * Gives the backward pass a conversion of its own of each weight that is not kept in float32, from the same memory under
 * another name: were it the forward pass's, the float32 weight would stay in memory in between.
 */
function rereadWeights(): (value: Value) => Value {
  const again = new Map<Value, Value>();
  return (value) => {
    const { op, inputs } = value.node;
    const [kept] = inputs;
    if (op !== 'cast' || kept?.node.op !== 'input' || kept.dtype !== 'float16') return value;
    let found = again.get(value);
    if (!found) {
      found = cast(input(nameAgain(inputName(kept)), kept.shape, kept.dtype), value.dtype);
      again.set(value, found);
    }
    return found;
  };
}

/** One stage's part of the gradient of a value that several later stages may read. */
const contributionName = (value: Value, index: number): string => `gradient ${index} of value ${value.id}`;
