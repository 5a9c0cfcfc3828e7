/** Running a loss in stages: forward through all of them, then back, reading the gradients of each as it is reached. */
import { type Graph, inputName, numel, type Value } from '../graph/index.js';
import type { SampledGradients } from '../kernels/index.js';
import { compile } from '../ops/index.js';
import type { RuntimeOptions, Session } from '../runtime/index.js';
import { type Tensor, tensor } from '../tensor/index.js';
import type { LossProgram, LossResult, NamedGradient, RunOptions } from './program.js';
import type { ReadGradient, Reading, Results } from './request.js';
import { nameOf } from './stage.js';

/** The graphs of one stage. */
export interface StagePlan {
  /** What later stages read; the last stage has it in its backward graph. */
  readonly forward: Graph | undefined;
  /** The stage again, and the gradients of what it reads and of the requested values in it. */
  readonly backward: Graph;
  readonly readings: ReadonlyMap<string, Reading>;
}

interface CompiledStage extends Pick<StagePlan, 'readings'> {
  readonly forward: Session | undefined;
  /** None where its readings need only what is there. */
  readonly backward: Session | undefined;
  /** Under which name the backward graph gives a value. */
  readonly names: ReadonlyMap<Value, string>;
  /** Where it writes values that are read at once and then not needed; all stages share the memory. */
  readonly passing: ReadonlyMap<string, Tensor>;
}

export class StagedProgram implements LossProgram {
  /** Two arrays in turn: one gradient is being computed while another is used. */
  private scratch: readonly [Float32Array, Float32Array] = [new Float32Array(0), new Float32Array(0)];

  private constructor(
    private readonly outputs: Readonly<Record<string, Value>>,
    private readonly stages: readonly CompiledStage[],
    private readonly kernels: SampledGradients | undefined,
  ) {}

  static async compile(
    outputs: Readonly<Record<string, Value>>,
    plans: readonly StagePlan[],
    runtime: RuntimeOptions,
    kernels: SampledGradients | undefined,
  ): Promise<StagedProgram> {
    const passing = placed(plans.map(passingValues));
    const stages: CompiledStage[] = [];
    for (const [i, { forward, backward, readings }] of plans.entries()) {
      stages.push({
        forward: forward && (await compile(forward, runtime)),
        backward: backward.outputs.size > 0 ? await compile(backward, runtime) : undefined,
        names: new Map([...backward.outputs].map(([name, value]) => [value, name])),
        passing: passing[i]!,
        readings,
      });
    }
    return new StagedProgram(outputs, stages, kernels);
  }

  async run(feeds: ReadonlyMap<string, Tensor>, { hold = false }: RunOptions = {}): Promise<LossResult> {
    const values = new Map(feeds);
    for (const [name, value] of feeds) if (value.dtype === 'float16') values.set(nameAgain(name), value);
    for (const { forward } of this.stages) {
      if (forward) for (const [name, value] of await forward.run(values)) values.set(name, value);
    }
    const last = await this.runBack(this.stages.at(-1)!, values, hold);
    const outputs = Object.entries(this.outputs).map(
      ([name, value]) => [name, values.get(nameOf(value))!] as const,
    );
    return { outputs: new Map(outputs), gradients: this.readBack(last, values, hold) };
  }

  /** Reads the gradients of each stage, from the last, which has been run, to the first. */
  private async *readBack(
    last: Results,
    values: Map<string, Tensor>,
    hold: boolean,
  ): AsyncGenerator<NamedGradient> {
    const sums = new Map<string, Float32Array>();
    for (const [i, stage] of [...this.stages.entries()].reverse()) {
      const results = i === this.stages.length - 1 ? last : await this.runBack(stage, values, hold);
      const whole = (name: string, { values: part, squares }: ReadGradient): NamedGradient[] => {
        const sum = sums.get(name);
        if (sum) addTo(part, sum);
        const unfinished = this.stages.slice(0, i).some(({ readings }) => readings.has(name));
        if (unfinished) sums.set(name, part.slice());
        return unfinished ? [] : [[name, part, sum ? undefined : squares]];
      };
      // Each gradient is begun before the one before it is handed on, so that both go on at once.
      let begun: { name: string; finish: () => ReadGradient } | undefined;
      for (const [name, reading] of stage.readings) {
        const finish = reading.begin(results);
        if (begun) yield* whole(begun.name, begun.finish());
        begun = { name, finish };
      }
      if (begun) yield* whole(begun.name, begun.finish());
    }
  }

  /** Runs a stage's backward graph; what earlier stages read of it goes to `values`. */
  private async runBack(stage: CompiledStage, values: Map<string, Tensor>, hold: boolean): Promise<Results> {
    for (const { feeds } of stage.readings.values())
      for (const [name, value] of feeds) values.set(name, value);
    const outputs = (await stage.backward?.run(values, stage.passing)) ?? new Map<string, Tensor>();
    for (const [name, value] of outputs) if (!stage.passing.has(name)) values.set(name, value);
    return {
      get: (value) => {
        const fed = value.node.op === 'input';
        const found = fed ? values.get(inputName(value)) : outputs.get(stage.names.get(value)!);
        return found!.data as Float32Array;
      },
      room: (length) => (hold ? new Float32Array(length) : this.scratchRoom(length)),
    };
  }

  private scratchRoom(length: number): Float32Array {
    const [last, other] = this.scratch;
    this.scratch = [other.length < length ? new Float32Array(length) : other, last];
    return this.scratch[0].subarray(0, length);
  }

  async dispose(): Promise<void> {
    for (const { forward, backward } of this.stages) {
      await forward?.dispose();
      await backward?.dispose();
    }
    await this.kernels?.dispose();
  }
}

/** A second name for what is fed under the first. */
export const nameAgain = (name: string): string => `${name} again`;

/** The outputs of a stage's backward graph that its readings need only while they are read. */
function passingValues({ backward, readings }: StagePlan): Map<string, Value> {
  const passing = [...readings.values()].flatMap((reading) => (reading.passing ? reading.values : []));
  return new Map(
    [...backward.outputs].filter(([name, value]) => name === nameOf(value) && passing.includes(value)),
  );
}

/** Arrays for the values of each stage; stages do not run at once, so they share the memory, largest with largest. */
function placed(stages: readonly ReadonlyMap<string, Value>[]): Map<string, Tensor>[] {
  const sorted = stages.map(largestFirst);
  const pool = sharedSizes(sorted).map((size) => new Float32Array(size));
  return sorted.map(
    (values) =>
      new Map(
        values.map(([name, value], place) => [
          name,
          tensor(value.shape, pool[place]!.subarray(0, numel(value))),
        ]),
      ),
  );
}

const largestFirst = (values: ReadonlyMap<string, Value>): [string, Value][] =>
  [...values].sort(([, a], [, b]) => numel(b) - numel(a));

/** Of each place, the most elements that a stage has there. */
function sharedSizes(sorted: readonly (readonly [string, Value][])[]): number[] {
  const places = Math.max(0, ...sorted.map((values) => values.length));
  return Array.from({ length: places }, (_, place) =>
    Math.max(...sorted.map((values) => (values[place] ? numel(values[place][1]) : 0))),
  );
}

/** Elements of the arrays that a program of these stages keeps for values on their way to readings. */
export function passingSizes(plans: readonly StagePlan[]): number[] {
  return sharedSizes(plans.map((plan) => largestFirst(passingValues(plan))));
}

/** A weight read in several stages gets its gradient in as many parts. */
function addTo(sum: Float32Array, part: Float32Array): void {
  for (let i = 0; i < sum.length; i++) sum[i]! += part[i]!;
}
