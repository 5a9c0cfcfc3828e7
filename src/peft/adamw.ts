/** AdamW with decoupled weight decay (Loshchilov & Hutter, arXiv 1711.05101), on whole tensors or on chosen entries. */
import type { GradientRequest } from '../autodiff/index.js';
import { InputError } from '../errors.js';
import { input, type Value } from '../graph/index.js';
import type { Network } from '../nn/index.js';
import { parameterInput } from '../nn/index.js';
import { take } from '../ops/index.js';
import { type Tensor, tensorOf } from '../tensor/index.js';
import type { Optimizer, OptimizerState, StepOptions, StepReport } from './optimizer.js';

export interface AdamWOptions {
  /** Learning rate before any schedule. */
  learningRate?: number;
  betas?: readonly [number, number];
  epsilon?: number;
  weightDecay?: number;
  /** Which weights train, by checkpoint key; all unless said. */
  parameters?: (key: string, network: string) => boolean;
}

/** Which entries of a weight train: ascending flat positions, or all where undefined. */
export type EntrySelection = (weights: Float32Array) => Int32Array | undefined;

/** The entries of one weight tensor that train, with their moments. */
export interface TrainedTensor {
  /** Name of the weight's input in graphs, such as `unet.conv_in.weight`. */
  readonly name: string;
  readonly shape: readonly number[];
  /** The network's own array; updates are written into it. */
  readonly weights: Float32Array;
  /** Flat positions of the entries selected at first, ascending; all entries where undefined. */
  readonly selected: Int32Array | undefined;
  /** Values of the selected entries before training; undefined where all entries train. */
  readonly base: Float32Array | undefined;
  /** The positions, of those selected, that still train. */
  indices: Int32Array | undefined;
  /** Running mean of the gradient and of its square, an entry each. */
  mean: Float32Array;
  square: Float32Array;
}

export class AdamW implements Optimizer {
  readonly learningRate: number;
  readonly tensors: readonly TrainedTensor[];
  private readonly betas: readonly [number, number];
  private readonly epsilon: number;
  private readonly weightDecay: number;
  private updates = 0;

  constructor(
    networks: Network | readonly Network[],
    options: AdamWOptions = {},
    entries: EntrySelection = () => undefined,
  ) {
    const { learningRate = 1e-4, betas = [0.9, 0.999], epsilon = 1e-8, weightDecay = 1e-2 } = options;
    this.learningRate = learningRate;
    this.betas = betas;
    this.epsilon = epsilon;
    this.weightDecay = weightDecay;
    const chosen = options.parameters ?? (() => true);
    this.tensors = [networks]
      .flat()
      .flatMap((network: Network) =>
        [...network.parameters]
          .filter(([key]) => chosen(key, network.name))
          .map(([key, { shape, data }]) =>
            trainedTensor(parameterInput(network, key), shape, data, entries(data)),
          ),
      );
    if (this.trainedCount === 0) {
      throw new InputError(
        'the selection of weights to train is empty; expected at least one entry to train',
      );
    }
  }

  /** Number of entries that train now. */
  get trainedCount(): number {
    return this.tensors.reduce((sum, { mean }) => sum + mean.length, 0);
  }

  /** Updates done so far. */
  get step(): number {
    return this.updates;
  }

  requests(weights: ReadonlyMap<string, Value>): Map<string, GradientRequest> {
    const requests = new Map<string, GradientRequest>();
    for (const { name, indices } of this.tensors) {
      const of = weights.get(name);
      if (!of || indices?.length === 0) continue;
      requests.set(
        name,
        indices ? { of, read: (dW) => take(dW, input(indexInput(name), [indices.length], 'int32')) } : { of },
      );
    }
    return requests;
  }

  feeds(): Map<string, Tensor> {
    return new Map(
      this.tensors.flatMap(({ name, indices }) =>
        indices ? [[indexInput(name), tensorOf('int32', [indices.length], indices)] as const] : [],
      ),
    );
  }

  async update(gradients: ReadonlyMap<string, Float32Array>, options: StepOptions = {}): Promise<StepReport> {
    const { learningRate = this.learningRate, maxGradientNorm } = options;
    const gradientNorm = globalNorm(gradients.values());
    // torch.nn.utils.clip_grad_norm_: the factor is max_norm / (norm + 1e-6), at most 1.
    const clip = maxGradientNorm === undefined ? 1 : Math.min(1, maxGradientNorm / (gradientNorm + 1e-6));
    this.updates++;
    for (const tensor of this.tensors) {
      const gradient = gradients.get(tensor.name);
      if (gradient) this.updateTensor(tensor, gradient, clip, learningRate);
    }
    return { gradientNorm, learningRate, losses: {} };
  }

  private updateTensor(
    tensor: TrainedTensor,
    gradient: Float32Array,
    clip: number,
    learningRate: number,
  ): void {
    const { weights, indices } = tensor;
    const values = indices ? gather(weights, indices) : weights;
    this.updateEntries(values, gradient, tensor.mean, tensor.square, clip, learningRate);
    if (indices) scatter(weights, indices, values);
  }

  /** g ← clip · g, m ← β₁m + (1−β₁)g, v ← β₂v + (1−β₂)g², w ← (1 − ηλ)w − η · m̂ / (√v̂ + ε) */
  private updateEntries(
    values: Float32Array,
    gradient: Float32Array,
    mean: Float32Array,
    square: Float32Array,
    clip: number,
    learningRate: number,
  ): void {
    const [beta1, beta2] = this.betas;
    const [rest1, rest2] = [1 - beta1, 1 - beta2];
    const { epsilon } = this;
    const stepSize = learningRate / (1 - beta1 ** this.updates);
    const rootCorrection = 1 / Math.sqrt(1 - beta2 ** this.updates);
    const keep = 1 - learningRate * this.weightDecay;
    for (let i = 0; i < values.length; i++) {
      const g = gradient[i]! * clip;
      const m = beta1 * mean[i]! + rest1 * g;
      const v = beta2 * square[i]! + rest2 * g * g;
      mean[i] = m;
      square[i] = v;
      values[i] = keep * values[i]! - (stepSize * m) / (Math.sqrt(v) * rootCorrection + epsilon);
    }
  }

  state(): OptimizerState {
    const tensors = new Map<string, Tensor>();
    for (const { name, weights, selected, indices, mean, square } of this.tensors) {
      const values = selected ? gather(weights, selected) : weights;
      tensors.set(`values.${name}`, tensorOf('float32', [values.length], values));
      tensors.set(`mean.${name}`, tensorOf('float32', [mean.length], mean));
      tensors.set(`square.${name}`, tensorOf('float32', [square.length], square));
      if (indices) tensors.set(`indices.${name}`, tensorOf('int32', [indices.length], indices));
    }
    return { step: this.updates, tensors };
  }

  restore({ step, tensors }: OptimizerState): void {
    this.updates = step;
    for (const trained of this.tensors) {
      const part = (kind: string): Tensor['data'] => {
        const found = tensors.get(`${kind}.${trained.name}`);
        if (!found)
          throw new InputError(
            `the checkpoint has no optimizer state "${kind}.${trained.name}"; it is of another run`,
          );
        return found.data;
      };
      const values = part('values') as Float32Array;
      if (values.length !== (trained.selected ?? trained.weights).length) {
        throw new InputError(
          `the checkpoint holds ${values.length} trained entries of ${trained.name}, expected ${(trained.selected ?? trained.weights).length}; it is of another model or threshold`,
        );
      }
      for (let i = 0; i < values.length; i++)
        trained.weights[trained.selected ? trained.selected[i]! : i] = values[i]!;
      trained.mean = part('mean') as Float32Array;
      trained.square = part('square') as Float32Array;
      if (trained.indices) trained.indices = part('indices') as Int32Array;
    }
  }
}

/** A trained tensor with moments of zero. */
function trainedTensor(
  name: string,
  shape: readonly number[],
  weights: Float32Array,
  selected: Int32Array | undefined,
): TrainedTensor {
  const count = selected?.length ?? weights.length;
  const base = selected && gather(weights, selected);
  const [mean, square] = [new Float32Array(count), new Float32Array(count)];
  return { name, shape, weights, selected, base, indices: selected, mean, square };
}

/** The entries at the given positions. */
export function gather(values: Float32Array, positions: Int32Array): Float32Array {
  const entries = new Float32Array(positions.length);
  for (let i = 0; i < positions.length; i++) entries[i] = values[positions[i]!]!;
  return entries;
}

/** Writes entries to the given positions. */
export function scatter(values: Float32Array, positions: Int32Array, entries: Float32Array): void {
  for (let i = 0; i < positions.length; i++) values[positions[i]!] = entries[i]!;
}

const indexInput = (name: string): string => `trained positions of ${name}`;

/** The Euclidean norm over all entries of all gradients. */
function globalNorm(gradients: Iterable<Float32Array>): number {
  let sum = 0;
  for (const gradient of gradients)
    for (let i = 0; i < gradient.length; i++) sum += gradient[i]! * gradient[i]!;
  return Math.sqrt(sum);
}
