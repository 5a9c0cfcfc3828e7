/** DiffPruning's search: θ = θ₀ + z ⊙ w trains differences w and their gates z, until few gates are open. */
import type { GradientRequest, NamedGradient } from '../../autodiff/index.js';
import type { Value } from '../../graph/index.js';
import { float32Array, type Network } from '../../nn/index.js';
import { Random, type Tensor } from '../../tensor/index.js';
import type { Gradients, OptimizerState, StepOptions, StepReport } from '../optimizer.js';
import type { Found, Search, SearchOptions } from '../search.js';
import { gather, positionsOfLargest } from '../selection.js';
import { entriesOf, type WholeWeight, wholeRequests, wholeWeights } from '../whole-weights.js';
import { gate, gateDraws, gateSlope, openness, opennessSlope } from './gates.js';
import { Variable } from './variable.js';

export interface DiffPruningOptions extends SearchOptions {
  /** Whether each weight has one more gate, for all its entries; false unless said. */
  structured?: boolean | undefined;
  /** Learning rate of the gates; 0.1 unless said. */
  gateLearningRate?: number | undefined;
  /** λ, the weight of the number of open gates in the loss; the paper's in proportion to the number of entries unless said. */
  gatePenalty?: number | undefined;
  /** Names the draws of the gates. */
  seed?: number | undefined;
}

/** λ of the paper, for BERT-large. */
const PENALTY = 1.25e-7;
const BERT_LARGE = 335e6;
/** α before training: almost all gates are open. */
const OPEN = 5;

interface GatedWeight extends WholeWeight {
  /** θ₀ */
  readonly base: Float32Array;
  /** The network's own array: θ₀ + z ⊙ w of the next step's draw. */
  readonly weights: Float32Array;
  /** w */
  readonly differences: Variable;
  /** α */
  readonly gates: Variable;
  /** z of the next step's draw, without the gate of the whole weight. */
  readonly z: Float32Array;
}

export interface GateGradients {
  readonly differences: Float32Array;
  readonly gates: Float32Array;
  /** Of the gate of the whole weight. */
  readonly group: number;
}

export class GatedDifferences implements Search {
  readonly learningRate: number;
  readonly tensors: readonly GatedWeight[];
  /** α of each whole weight's gate; none where they have none. */
  readonly groups: Variable | undefined;
  /** z of the whole weights' gates; 1 where they have none. */
  readonly groupZ: Float32Array;
  readonly penalty: number;
  private updates = 0;

  constructor(
    network: Network,
    private readonly options: DiffPruningOptions,
    private readonly count: number,
  ) {
    this.learningRate = options.searchLearningRate ?? 1e-5;
    this.tensors = wholeWeights(network, options).map((weight) => {
      const weights = float32Array(network, weight.key);
      return {
        ...weight,
        weights,
        base: weights.slice(),
        differences: new Variable(weight.size, 0),
        gates: new Variable(weight.size, OPEN),
        z: new Float32Array(weight.size),
      };
    });
    this.groups = options.structured ? new Variable(this.tensors.length, OPEN) : undefined;
    this.groupZ = new Float32Array(this.tensors.length).fill(1);
    this.penalty = options.gatePenalty ?? (PENALTY * BERT_LARGE) / this.trainedCount;
    // With w = 0 the network has these weights already.
    this.drawGates();
  }

  get trainedCount(): number {
    return entriesOf(this.tensors);
  }

  get step(): number {
    return this.updates;
  }

  requests(weights: ReadonlyMap<string, Value>): Map<string, GradientRequest> {
    return wholeRequests(this.tensors, weights);
  }

  /** The gradients of differences and of gates are clipped each to the norm. */
  async update(gradients: Gradients, options: StepOptions = {}): Promise<StepReport> {
    const { learningRate = this.learningRate, maxGradientNorm } = options;
    const indexOf = new Map(this.tensors.map(({ name }, index) => [name, index]));
    const groups = new Float32Array(this.groups ? this.tensors.length : 0);
    const [clips, squares] = [
      { differences: 1, gates: 1 },
      { differences: 0, gates: 0 },
    ];
    const measure = (found: GateGradients) => {
      squares.differences += sumOfSquares(found.differences);
      squares.gates += sumOfSquares(found.gates) + (this.groups ? found.group ** 2 : 0);
    };
    let given = gradients;
    if (maxGradientNorm !== undefined) {
      const all: NamedGradient[] = [];
      for await (const named of gradients) {
        measure(this.gradientsOf(indexOf.get(named[0])!, named[1]));
        all.push(named);
      }
      clips.differences = Math.min(1, maxGradientNorm / (Math.sqrt(squares.differences) + 1e-6));
      clips.gates = Math.min(1, maxGradientNorm / (Math.sqrt(squares.gates) + 1e-6));
      given = all;
    }
    this.updates++;
    const { betas = [0.9, 0.999], epsilon = 1e-8, weightDecay = 0, gateLearningRate = 0.1 } = this.options;
    const common = { betas, epsilon, update: this.updates };
    const ofDifferences = { ...common, weightDecay, learningRate, clip: clips.differences };
    const gateRate = (gateLearningRate * learningRate) / this.learningRate;
    const ofGates = { ...common, weightDecay: 0, learningRate: gateRate, clip: clips.gates };
    const penalty = this.penalty * this.openGates();
    for await (const [name, gradient] of given) {
      const index = indexOf.get(name)!;
      const found = this.gradientsOf(index, gradient);
      if (maxGradientNorm === undefined) measure(found);
      this.tensors[index]!.differences.update(found.differences, ofDifferences);
      this.tensors[index]!.gates.update(found.gates, ofGates);
      if (this.groups) groups[index] = found.group;
    }
    this.groups?.update(groups, ofGates);
    this.drawGates();
    this.write();
    return { gradientNorm: Math.sqrt(squares.differences), learningRate, losses: { penalty } };
  }

  /**
   * From g = dL/dθ of one weight: dL/dw = g z, dL/dα = g w dz/dα + λ dP(z ≠ 0)/dα, where z has the whole weight's gate as
   * a factor; and of that gate the same from the sum of g w z over the weight.
   */
  gradientsOf(index: number, gradient: Float32Array): GateGradients {
    const { differences, gates, z, size } = this.tensors[index]!;
    const groupZ = this.groupZ[index]!;
    const found = { differences: new Float32Array(size), gates: new Float32Array(size) };
    let sum = 0;
    for (let i = 0; i < size; i++) {
      const moved = gradient[i]! * differences.values[i]!;
      found.differences[i] = gradient[i]! * z[i]! * groupZ;
      found.gates[i] = moved * gateSlope(z[i]!) * groupZ + this.penalty * opennessSlope(gates.values[i]!);
      sum += moved * z[i]!;
    }
    const alpha = this.groups?.values[index];
    const group = alpha === undefined ? 0 : sum * gateSlope(groupZ) + this.penalty * opennessSlope(alpha);
    return { ...found, group };
  }

  state(): OptimizerState {
    const tensors = new Map<string, Tensor>();
    for (const { name, differences, gates } of this.tensors) {
      differences.store(`difference.${name}`, tensors);
      gates.store(`gate.${name}`, tensors);
    }
    this.groups?.store('groups', tensors);
    return { step: this.updates, tensors };
  }

  restore({ step, tensors }: OptimizerState): void {
    const parts = this.tensors.map(({ name, differences, gates }) => [
      differences.stored(`difference.${name}`, tensors),
      gates.stored(`gate.${name}`, tensors),
    ]);
    const groups = this.groups?.stored('groups', tensors);
    for (const set of [...parts.flat(), ...(groups ? [groups] : [])]) set();
    this.updates = step;
    this.drawGates();
    this.write();
  }

  /** Keeps the largest |z w| of one more draw, and trains on from there. */
  finish(): Found {
    const positions = positionsOfLargest(() => this.changes(), this.count);
    const values = new Map(
      this.tensors.map(({ key, weights }) => [key, gather(weights, positions.get(key)!)]),
    );
    for (const { weights, base } of this.tensors) weights.set(base);
    return { positions, values };
  }

  /** Uniform draws for the gates of the entries of one weight, or of all whole weights, in the step after so many updates. */
  protected draws(of: GatedWeight | 'groups', updates: number, count: number): Float32Array {
    const { seed = 0 } = this.options;
    const random =
      of === 'groups'
        ? new Random(seed, 'gates of weights', updates)
        : new Random(seed, `gates of ${of.key}`, updates);
    return gateDraws(random, count);
  }

  /** Draws all gates for the next step. */
  private drawGates(): void {
    for (const weight of this.tensors) {
      const { z, gates, size } = weight;
      const u = this.draws(weight, this.updates, size);
      for (let i = 0; i < size; i++) z[i] = gate(gates.values[i]!, u[i]!);
    }
    if (!this.groups) return;
    const u = this.draws('groups', this.updates, this.groupZ.length);
    for (let j = 0; j < u.length; j++) this.groupZ[j] = gate(this.groups.values[j]!, u[j]!);
  }

  /** θ₀ + z ⊙ w, into the network. */
  private write(): void {
    let index = 0;
    for (const [, changes] of this.changes()) {
      const { weights, base } = this.tensors[index++]!;
      for (let i = 0; i < weights.length; i++) weights[i] = base[i]! + changes[i]!;
    }
  }

  /** z ⊙ w, weight by weight. */
  private *changes(): Generator<[key: string, Float32Array]> {
    for (const [index, { key, z, differences }] of this.tensors.entries()) {
      const groupZ = this.groupZ[index]!;
      yield [key, z.map((value, i) => Math.fround(value * groupZ) * differences.values[i]!)];
    }
  }

  /** Σ P(z ≠ 0) */
  private openGates(): number {
    let sum = 0;
    for (const { values } of [
      ...this.tensors.map(({ gates }) => gates),
      ...(this.groups ? [this.groups] : []),
    ])
      for (let i = 0; i < values.length; i++) sum += openness(values[i]!);
    return sum;
  }
}

function sumOfSquares(values: Float32Array): number {
  let sum = 0;
  for (let i = 0; i < values.length; i++) sum += values[i]! * values[i]!;
  return sum;
}
