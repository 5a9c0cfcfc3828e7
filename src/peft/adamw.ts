/** AdamW with decoupled weight decay (Loshchilov & Hutter, arXiv 1711.05101), on whole tensors or on chosen entries. */
import type { GradientRequest, NamedGradient } from '../autodiff/index.js';
import { InputError } from '../errors.js';
import type { Value } from '../graph/index.js';
import { adamwUpdate } from '../kernels/index.js';
import type { Network } from '../nn/index.js';
import { type Tensor, tensorOf } from '../tensor/index.js';
import type { Adapter, AdapterInfo } from './adapter/adapter.js';
import { packDeltas, type WeightDelta } from './adapter/deltas.js';
import { saveAdapter } from './adapter/file.js';
import { fingerprint } from './adapter/fingerprint.js';
import type { MethodName } from './method-names.js';
import type { Gradients, Optimizer, OptimizerState, StepOptions, StepReport } from './optimizer.js';
import { placesAmong, scatter } from './selection.js';
import { storedFloats } from './stored-floats.js';
import {
  baseValues,
  type EntrySelection,
  publish,
  selectedValues,
  setSelectedValues,
  type TrainedTensor,
  trainAt,
  trainedTensor,
} from './trained-tensor.js';

export interface AdamWOptions {
  /** Learning rate before any schedule; 1e-4 unless said. */
  learningRate?: number | undefined;
  /** (0.9, 0.999) unless said. */
  betas?: readonly [number, number] | undefined;
  /** 1e-8 unless said. */
  epsilon?: number | undefined;
  /** 1e-2 unless said. */
  weightDecay?: number | undefined;
  /** Which weights train, by checkpoint key; all unless said. */
  parameters?: ((key: string, network: string) => boolean) | undefined;
  /** Keeps a copy of weights that train whole, which an adapter needs; chosen entries are always kept. */
  keepBase?: boolean | undefined;
}

/** The names of the options. */
export const ADAMW_OPTIONS = [
  'learningRate',
  'betas',
  'epsilon',
  'weightDecay',
  'parameters',
  'keepBase',
] as const satisfies readonly (keyof AdamWOptions)[];

export class AdamW implements Optimizer {
  readonly searchSteps: number = 0;
  readonly learningRate: number;
  /** θ, where the selected entries are those of base weights below it. */
  readonly threshold: number | undefined = undefined;
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
    const { parameters: chosen = () => true, keepBase = false } = options;
    this.tensors = [networks]
      .flat()
      .flatMap((network: Network) =>
        [...network.parameters.keys()]
          .filter((key) => chosen(key, network.name))
          .map((key) => trainedTensor(network, key, entries, keepBase)),
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

  get step(): number {
    return this.updates;
  }

  requests(weights: ReadonlyMap<string, Value>): Map<string, GradientRequest> {
    const requests = new Map<string, GradientRequest>();
    for (const { name, indices } of this.tensors) {
      const of = weights.get(name);
      if (!of || indices?.length === 0) continue;
      requests.set(name, { of, positions: indices });
    }
    return requests;
  }

  async update(gradients: Gradients, options: StepOptions = {}): Promise<StepReport> {
    const { learningRate = this.learningRate, maxGradientNorm } = options;
    const byName = new Map(this.tensors.map((tensor) => [tensor.name, tensor]));
    let [squares, clip] = [0, 1];
    let given = gradients;
    if (maxGradientNorm !== undefined) {
      const all: NamedGradient[] = [];
      for await (const gradient of gradients) {
        squares += sumOfSquares(gradient);
        all.push(gradient);
      }
      // torch.nn.utils.clip_grad_norm_: the factor is max_norm / (norm + 1e-6), at most 1.
      clip = Math.min(1, maxGradientNorm / (Math.sqrt(squares) + 1e-6));
      given = all;
    }
    this.updates++;
    for await (const named of given) {
      const [name, gradient] = named;
      if (maxGradientNorm === undefined) squares += sumOfSquares(named);
      const trained = byName.get(name);
      if (!trained) continue;
      const { values: weights, places: indices, mean, square } = trained;
      const { betas, epsilon, weightDecay, updates: update } = this;
      const constants = { learningRate, betas, epsilon, weightDecay, update, clip };
      adamwUpdate({ weights, indices, gradient, mean, square }, constants);
      publish(trained);
    }
    return { gradientNorm: Math.sqrt(squares), learningRate, losses: {} };
  }

  state(): OptimizerState {
    const tensors = new Map<string, Tensor>();
    for (const trained of this.tensors) {
      const { name, indices, mean, square } = trained;
      const values = selectedValues(trained);
      tensors.set(`values.${name}`, tensorOf('float32', [values.length], values));
      tensors.set(`mean.${name}`, tensorOf('float32', [mean.length], mean));
      tensors.set(`square.${name}`, tensorOf('float32', [square.length], square));
      if (indices) tensors.set(`indices.${name}`, tensorOf('int32', [indices.length], indices));
    }
    return { step: this.updates, tensors };
  }

  restore({ step, tensors }: OptimizerState): void {
    const restored = this.tensors.map((trained) => restoredParts(trained, tensors));
    this.updates = step;
    this.tensors.forEach((trained, i) => {
      const { values, mean, square, kept } = restored[i]!;
      trainAt(trained, kept);
      Object.assign(trained, { mean, square });
      setSelectedValues(trained, values);
    });
  }

  adapter({ model, prefix = '', settings = {}, dtype }: AdapterInfo = {}): Adapter {
    const { network } = this.tensors[0]!;
    if (this.tensors.some((trained) => trained.network !== network))
      throw new RangeError('an adapter is of one network; this optimizer trains several');
    const { threshold } = this;
    return {
      method: this.method,
      base: {
        network: network.name,
        model: model ?? network.name,
        fingerprint: this.baseFingerprint(network),
      },
      threshold,
      prefix,
      settings,
      ...packDeltas(
        () => this.deltas(),
        () => threshold !== undefined,
        dtype,
      ),
    };
  }

  save(path: string, info?: AdapterInfo): Promise<void> {
    return saveAdapter(path, this.adapter(info));
  }

  /** The method that adapters name. */
  protected get method(): MethodName {
    return 'full';
  }

  /** Current minus base values of the selected entries, tensor by tensor. */
  private *deltas(): Generator<WeightDelta> {
    for (const trained of this.tensors) {
      const { key, shape, selected: positions } = trained;
      const base = baseValues(trained);
      yield { key, shape, positions, values: selectedValues(trained).map((value, i) => value - base[i]!) };
    }
  }

  private baseFingerprint(network: Network): string {
    const byKey = new Map(this.tensors.map((trained) => [trained.key, trained]));
    return fingerprint(network, (key, data) => {
      const trained = byKey.get(key);
      if (!trained) return data;
      if (!trained.selected) return baseValues(trained);
      const original = data.slice();
      scatter(original, trained.selected, baseValues(trained));
      return original;
    });
  }
}

interface RestoredParts extends Pick<TrainedTensor, 'mean' | 'square'> {
  readonly values: Float32Array;
  /** Places, among the selected entries, of those that train on; all where undefined. */
  readonly kept: Int32Array | undefined;
}

/** Copies of a tensor's parts of a state. Throws InputError unless they fit it. */
function restoredParts(trained: TrainedTensor, tensors: OptimizerState['tensors']): RestoredParts {
  const { name, selected } = trained;
  const floats = (kind: string, length: number) => storedFloats(tensors, `${kind}.${name}`, length);
  const count = selected?.length ?? trained.values.length;
  const kept = selected && restoredPlaces(name, selected, tensors);
  const training = kept?.length ?? count;
  return {
    values: floats('values', count),
    mean: floats('mean', training),
    square: floats('square', training),
    kept,
  };
}

/** Where the state's positions are among the selected ones; undefined where they are all of them. */
function restoredPlaces(
  name: string,
  selected: Int32Array,
  tensors: OptimizerState['tensors'],
): Int32Array | undefined {
  const data = tensors.get(`indices.${name}`)?.data;
  const places = data instanceof Int32Array ? placesAmong(selected, data) : undefined;
  if (places) return places.length === selected.length ? undefined : places;
  throw new InputError(
    `the checkpoint trains other entries of ${name} than this selection; it is of another run, so start anew or name that run's model and options`,
  );
}

function sumOfSquares([, values, squares]: NamedGradient): number {
  if (squares !== undefined) return squares;
  let sum = 0;
  for (let i = 0; i < values.length; i++) sum += values[i]! * values[i]!;
  return sum;
}
