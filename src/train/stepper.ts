/** One training step: loss and gradients of the micro-batches, their exact mean, and the optimizer's update. */
import { compileLoss, type LossProgram, type NamedGradient } from '../autodiff/index.js';
import { InputError } from '../errors.js';
import { graphOf } from '../graph/index.js';
import { type Draw, parameterFeeds } from '../nn/index.js';
import { compile } from '../ops/index.js';
import type { Gradients, Optimizer, StepOptions, StepReport } from '../peft/index.js';
import type { RuntimeOptions, Session } from '../runtime/index.js';
import { Random, sizeOf, type Tensor, tensor } from '../tensor/index.js';
import type { LossGraph, Objective } from './objective.js';

export interface StepperOptions extends RuntimeOptions {
  /** Recompute the inside of each block in the backward pass: less memory, more time. */
  checkpoint?: boolean;
  /** Names what layers draw at random, such as dropout; 0 unless said. */
  seed?: number;
}

export interface StepResult extends StepReport {
  /** Mean over all samples of the step, before the update. */
  readonly loss: number;
}

/** A loss or a gradient that is not finite. */
export class DivergenceError extends InputError {
  override readonly name = 'DivergenceError';
  constructor(
    /** What is not finite, such as "loss". */
    readonly what: string,
    readonly value: number,
    /** The step that was not made, counted from 1. */
    readonly step: number,
    pictures = 'of that batch',
  ) {
    super(
      `the ${what} became ${value} at step ${step}; the run stopped before using it: lower the learning rate or look at the pictures ${pictures}`,
    );
  }

  /** The same, naming the pictures. */
  withPictures(names: readonly string[]): DivergenceError {
    return new DivergenceError(this.what, this.value, this.step, names.join(', '));
  }
}

interface Program {
  readonly loss: LossProgram;
  readonly draws: LossGraph['draws'];
}

/** Runs an objective with an optimizer. Graphs are compiled when a batch of new shape comes, or when the selection changes. */
export class Stepper<Batch> {
  private readonly programs = new Map<string, Program>();
  private readonly evaluations = new Map<string, Session>();
  private compiledFor = -1;

  constructor(
    readonly objective: Objective<Batch>,
    readonly optimizer: Optimizer,
    private readonly options: StepperOptions = {},
  ) {}

  /**
   * Gradients are averaged over the samples of all micro-batches. Throws DivergenceError where they or the loss are not
   * finite; then nothing has changed, or, without clipping, only weights whose gradients came before.
   */
  async step(microBatches: readonly Batch[], options: StepOptions = {}): Promise<StepResult> {
    const total = microBatches.reduce((sum, batch) => sum + this.objective.size(batch), 0);
    const sums = new Map<string, Float32Array>();
    let gradients: Gradients = sums;
    let loss = 0;
    let first = 0;
    for (const batch of microBatches) {
      const program = await this.program(batch);
      const size = this.objective.size(batch);
      const share = size / total;
      const feeds = this.feeds(batch);
      for (const [name, draw] of program.draws) feeds.set(name, this.drawn(name, draw, first));
      first += size;
      const hold = microBatches.length === 1 && options.maxGradientNorm !== undefined;
      const result = await program.loss.run(feeds, { hold });
      loss += share * scalarOf(result.outputs.get('loss')!);
      this.expectFinite(loss, 'loss');
      const finite = this.finite(result.gradients);
      if (microBatches.length === 1) gradients = finite;
      else for await (const [name, gradient] of finite) accumulate(sums, name, gradient, share);
    }
    const report = await this.optimizer.update(gradients, options);
    return { loss, ...report };
  }

  /** The loss of a batch with the current weights. */
  async evaluate(batch: Batch): Promise<number> {
    const key = this.objective.signature(batch);
    let session = this.evaluations.get(key);
    if (!session) {
      session = await compile(graphOf({ loss: this.objective.build(batch).outputs.loss }), this.options);
      this.evaluations.set(key, session);
    }
    return scalarOf((await session.run(this.feeds(batch))).get('loss')!);
  }

  async dispose(): Promise<void> {
    await this.disposePrograms();
    for (const evaluation of this.evaluations.values()) await evaluation.dispose();
    this.evaluations.clear();
  }

  /** The gradients as they are, throwing DivergenceError where one is not finite. */
  private async *finite(gradients: AsyncIterable<NamedGradient>): AsyncGenerator<NamedGradient> {
    for await (const named of gradients) {
      const [name, gradient, squares] = named;
      this.expectFinite(squares ?? sumOf(gradient), `gradient of ${name}`);
      yield named;
    }
  }

  private expectFinite(value: number, what: string): void {
    if (!Number.isFinite(value)) throw new DivergenceError(what, value, this.optimizer.step + 1);
  }

  private feeds(batch: Batch): Map<string, Tensor> {
    const feeds = parameterFeeds(...this.objective.networks);
    for (const [name, feed] of this.objective.feeds(batch)) feeds.set(name, feed);
    return feeds;
  }

  /** Draws for each sample of the step from a stream of its own; `first` is the place of the micro-batch's first one. */
  private drawn(name: string, { shape, share }: Draw, first: number): Tensor {
    const [batch, ...rest] = shape as [number, ...number[]];
    const [size, { seed = 0 }, { step }] = [sizeOf(rest), this.options, this.optimizer];
    const data = new Float32Array(batch * size);
    for (let i = 0; i < batch; i++)
      data.set(new Random(seed, name, step, first + i).coins(size, share), i * size);
    return tensor(shape, data);
  }

  private async disposePrograms(): Promise<void> {
    for (const { loss } of this.programs.values()) await loss.dispose();
    this.programs.clear();
  }

  private async program(batch: Batch): Promise<Program> {
    if (this.compiledFor !== this.optimizer.trainedCount) {
      await this.disposePrograms();
      this.compiledFor = this.optimizer.trainedCount;
    }
    const key = this.objective.signature(batch);
    let program = this.programs.get(key);
    if (!program) {
      const { outputs, weights, draws } = this.objective.build(batch, { training: true });
      program = { loss: await compileLoss(outputs, this.optimizer.requests(weights), this.options), draws };
      this.programs.set(key, program);
    }
    return program;
  }
}

/** In float64, which no sum of float32 values leaves: finite where every entry is. */
function sumOf(values: Float32Array): number {
  let sum = 0;
  for (let i = 0; i < values.length; i++) sum += values[i]!;
  return sum;
}

const scalarOf = ({ data }: Tensor): number => Number(data[0]);

/** sums[name] += share · part */
function accumulate(sums: Map<string, Float32Array>, name: string, part: Float32Array, share: number): void {
  const sum = sums.get(name);
  if (!sum)
    sums.set(
      name,
      part.map((value) => share * value),
    );
  else for (let i = 0; i < sum.length; i++) sum[i]! += share * part[i]!;
}
