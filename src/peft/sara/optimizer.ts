/** SaRA (arXiv 2409.06633): AdamW on the weights of small magnitude, kept low-rank, selected anew half way. */
import type { NamedGradient } from '../../autodiff/index.js';
import { InputError } from '../../errors.js';
import { asFloat32, type Network } from '../../nn/index.js';
import type { RuntimeOptions } from '../../runtime/index.js';
import { Random } from '../../tensor/index.js';
import { AdamW, type AdamWOptions } from '../adamw.js';
import type { MethodName } from '../method-names.js';
import type { Gradients, StepOptions, StepReport } from '../optimizer.js';
import { positionsBelow, thresholdFor } from '../selection.js';
import { keepOnly, type TrainedTensor, trainedValues } from '../trained-tensor.js';
import { nuclearNorm } from './nuclear-norm.js';

export interface SaraOptions extends AdamWOptions {
  /** θ: entries with |P₀| < θ train. This or `targetParameters`. */
  threshold?: number | undefined;
  /** Finds the threshold that trains this many entries. */
  targetParameters?: number | undefined;
  /** λ_rank, the weight of the nuclear norm; 5e-3 as in the paper unless said. 0 turns it off. */
  lambdaRank?: number | undefined;
  /** Which eligible matrices take part in the rank loss at each step: one drawn uniformly unless said, or all, or a rule. */
  rankMatrices?: 'one' | 'all' | RankMatrices | undefined;
  /** A matrix is eligible where both its sides exceed this; 64 as in the official code unless said. */
  rankMinSide?: number | undefined;
  /** After this many updates only entries still below θ train on (progressive adjustment); never where undefined. */
  progressiveStep?: number | undefined;
  /** Names the matrices drawn for the rank loss. */
  seed?: number | undefined;
  /** Where the rank loss is computed; the CPU unless said. */
  runtime?: RuntimeOptions | undefined;
}

/** Chooses matrices for the rank loss of a step, counted from 0. */
export type RankMatrices = (eligible: readonly TrainedTensor[], step: number) => readonly TrainedTensor[];

/** The paper's learning rate for a threshold: 1e-3 · exp(−350 θ) (appendix Eq. 5). */
export function learningRateFor(threshold: number): number {
  return 1e-3 * Math.exp(-350 * threshold);
}

export class AdamWSara extends AdamW {
  override readonly threshold: number;
  private readonly lambdaRank: number;
  private readonly rankMatrices: RankMatrices;
  private readonly rankMinSide: number;
  private readonly progressiveStep: number | undefined;
  private readonly runtime: RuntimeOptions | undefined;

  constructor(network: Network, options: SaraOptions) {
    const threshold = resolveThreshold(network, options);
    super(
      network,
      { ...options, learningRate: options.learningRate ?? learningRateFor(threshold) },
      (weights) => positionsBelow(weights, threshold),
    );
    const { rankMatrices = 'one', seed = 0 } = options;
    this.threshold = threshold;
    this.lambdaRank = options.lambdaRank ?? 5e-3;
    this.rankMatrices =
      rankMatrices === 'one' ? drawOne(seed) : rankMatrices === 'all' ? (eligible) => eligible : rankMatrices;
    this.rankMinSide = options.rankMinSide ?? 64;
    this.progressiveStep = options.progressiveStep;
    this.runtime = options.runtime;
  }

  /** Matrices that may take part in the rank loss: two axes, both longer than `rankMinSide`, with trained entries. */
  get rankEligible(): TrainedTensor[] {
    return this.tensors.filter(
      ({ shape, mean }) => shape.length === 2 && Math.min(...shape) > this.rankMinSide && mean.length > 0,
    );
  }

  /**
   * L = L_task + λ_rank ‖P ⊙ M‖_* (paper Eqs. 4–5), then AdamW, then, where it is due, progressive adjustment:
   * M ← M ⊙ 1[|P| < θ], where survivors keep their moments and the rest stays where it is.
   */
  override async update(gradients: Gradients, options?: StepOptions): Promise<StepReport> {
    const { loss, gradients: rank } = await this.rankLoss();
    const report = await super.update(sum(gradients, rank), options);
    if (this.step === this.progressiveStep)
      for (const tensor of this.tensors)
        keepOnly(tensor, positionsBelow(trainedValues(tensor), this.threshold));
    return { ...report, losses: { rank: loss } };
  }

  protected override get method(): MethodName {
    return 'sara';
  }

  /** λ Σ ‖P ⊙ M‖_* over the matrices of this step, and its gradients. */
  private async rankLoss(): Promise<{ loss: number; gradients: Map<string, Float32Array> }> {
    const gradients = new Map<string, Float32Array>();
    let loss = 0;
    const matrices = this.lambdaRank === 0 ? [] : this.rankMatrices(this.rankEligible, this.step);
    for (const trained of matrices) {
      const { name, shape, indices } = trained;
      const { norm, gradient } = await nuclearNorm(shape, indices!, trainedValues(trained), this.runtime);
      loss += this.lambdaRank * norm;
      gradients.set(
        name,
        gradient.map((value) => this.lambdaRank * value),
      );
    }
    return { loss, gradients };
  }
}

/** The gradients, with others of some of the weights added to them. */
async function* sum(
  gradients: Gradients,
  others: ReadonlyMap<string, Float32Array>,
): AsyncGenerator<NamedGradient> {
  const left = new Map(others);
  for await (const named of gradients) {
    const [name, gradient] = named;
    const other = left.get(name);
    if (other) for (let i = 0; i < gradient.length; i++) gradient[i]! += other[i]!;
    left.delete(name);
    yield other ? [name, gradient] : named;
  }
  yield* left;
}

/** One matrix, uniformly among the eligible. */
function drawOne(seed: number): RankMatrices {
  return (eligible, step) => {
    if (eligible.length === 0) return [];
    return [eligible[new Random(seed, 'rank matrix', step).integer(0, eligible.length)]!];
  };
}

function resolveThreshold(
  network: Network,
  { threshold, targetParameters, parameters }: SaraOptions,
): number {
  const chosen = (key: string) => parameters?.(key, network.name) ?? true;
  if (targetParameters !== undefined) {
    if (threshold === undefined) return thresholdFor(network.parameters, targetParameters, chosen);
    throw new InputError(
      `SaRA takes a threshold or a number of parameters to train, got ${threshold} and ${targetParameters}; leave one out`,
    );
  }
  if (threshold === undefined || !(threshold > 0)) {
    throw new InputError(
      `SaRA needs a threshold above 0 or a number of parameters to train, got ${threshold ?? 'neither'}`,
    );
  }
  const bound = Math.fround(threshold);
  const found = [...network.parameters].some(
    ([key, weight]) => chosen(key) && asFloat32(weight).data.some((value) => Math.abs(value) < bound),
  );
  if (found) return threshold;
  throw new InputError(
    `threshold ${threshold} selects nothing: no weight of the ${network.name} is smaller; raise it, see "sara inspect"`,
  );
}
