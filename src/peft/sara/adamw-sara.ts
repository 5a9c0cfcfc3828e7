/** SaRA (arXiv 2409.06633): AdamW on the weights of small magnitude, kept low-rank, selected anew half way. */

import { InputError } from '../../errors.js';
import type { Network } from '../../nn/index.js';
import { Random } from '../../tensor/index.js';
import { AdamW, type AdamWOptions, gather, type TrainedTensor } from '../adamw.js';
import type { StepOptions, StepReport } from '../optimizer.js';
import { positionsBelow, thresholdFor } from '../selection.js';
import { NuclearNormSolver } from './nuclear-norm.js';

export interface SaraOptions extends AdamWOptions {
  /** θ: entries with |P₀| < θ train. This or `targetParameters`. */
  threshold?: number;
  /** Finds the threshold that trains this many entries. */
  targetParameters?: number;
  /** λ_rank, the weight of the nuclear norm; 5e-3 in the paper. 0 turns it off. */
  lambdaRank?: number;
  /** The nuclear norm of one eligible matrix drawn at each step, or of all. */
  rankMatrices?: 'one' | 'all';
  /** A matrix is eligible where both its sides exceed this; 64 in the official code. */
  rankMinSide?: number;
  /** After this many updates only entries still below θ train on (progressive adjustment); never where undefined. */
  progressiveStep?: number;
  /** Names the matrices drawn for the rank loss. */
  seed?: number;
}

/** The paper's learning rate for a threshold: 1e-3 · exp(−350 θ) (appendix Eq. 5). */
export function learningRateFor(threshold: number): number {
  return 1e-3 * Math.exp(-350 * threshold);
}

export class AdamWSara extends AdamW {
  readonly threshold: number;
  private readonly lambdaRank: number;
  private readonly rankMatrices: 'one' | 'all';
  private readonly rankMinSide: number;
  private readonly progressiveStep: number | undefined;
  private readonly seed: number;
  private readonly solver = new NuclearNormSolver();

  constructor(network: Network, options: SaraOptions) {
    const threshold = resolveThreshold(network, options);
    super(
      network,
      { ...options, learningRate: options.learningRate ?? learningRateFor(threshold) },
      (weights) => positionsBelow(weights, threshold),
    );
    this.threshold = threshold;
    this.lambdaRank = options.lambdaRank ?? 5e-3;
    this.rankMatrices = options.rankMatrices ?? 'one';
    this.rankMinSide = options.rankMinSide ?? 64;
    this.progressiveStep = options.progressiveStep;
    this.seed = options.seed ?? 0;
  }

  /** Matrices that take part in the rank loss: two axes, both longer than `rankMinSide`, with trained entries. */
  get rankEligible(): TrainedTensor[] {
    return this.tensors.filter(
      ({ shape, mean }) => shape.length === 2 && Math.min(...shape) > this.rankMinSide && mean.length > 0,
    );
  }

  /** L = L_task + λ_rank ‖P ⊙ M‖_* (paper Eqs. 4–5), then AdamW, then the re-selection where it is due. */
  override async update(
    gradients: ReadonlyMap<string, Float32Array>,
    options?: StepOptions,
  ): Promise<StepReport> {
    const rankLoss = await this.addRankGradient(gradients);
    const report = await super.update(gradients, options);
    if (this.step === this.progressiveStep) this.reselect();
    return { ...report, losses: { rank: rankLoss } };
  }

  /** The matrices of this step: one drawn uniformly from the eligible, or all of them. */
  protected drawMatrices(): TrainedTensor[] {
    const eligible = this.rankEligible;
    if (this.rankMatrices === 'all' || eligible.length === 0) return eligible;
    return [eligible[new Random(this.seed, 'rank matrix', this.step).integer(0, eligible.length)]!];
  }

  private async addRankGradient(gradients: ReadonlyMap<string, Float32Array>): Promise<number> {
    if (this.lambdaRank === 0) return 0;
    let loss = 0;
    for (const { name, shape, weights, indices } of this.drawMatrices()) {
      const positions = indices!;
      const { norm, gradient } = await this.solver.solve(shape, positions, gather(weights, positions));
      loss += this.lambdaRank * norm;
      const task = gradients.get(name);
      if (task) for (let i = 0; i < gradient.length; i++) task[i]! += this.lambdaRank * gradient[i]!;
    }
    return loss;
  }

  /** Progressive adjustment: M ← M ⊙ 1[|P| < θ]. Survivors keep their moments; the rest stays where it is. */
  private reselect(): void {
    const bound = Math.fround(this.threshold);
    for (const tensor of this.tensors) {
      const { weights, indices, mean, square } = tensor;
      const survivors = indices!.map((_, i) => i).filter((i) => Math.abs(weights[indices![i]!]!) < bound);
      tensor.indices = survivors.map((i) => indices![i]!);
      tensor.mean = Float32Array.from(survivors, (i) => mean[i]!);
      tensor.square = Float32Array.from(survivors, (i) => square[i]!);
    }
  }

  /** Frees the compiled graphs of the rank loss. */
  async dispose(): Promise<void> {
    await this.solver.dispose();
  }
}

function resolveThreshold(
  network: Network,
  { threshold, targetParameters, parameters }: SaraOptions,
): number {
  const chosen = (key: string) => parameters?.(key, network.name) ?? true;
  if (targetParameters !== undefined) return thresholdFor(network.parameters, targetParameters, chosen);
  if (threshold === undefined || !(threshold > 0)) {
    throw new InputError(
      `SaRA needs a threshold above 0 or a number of parameters to train, got threshold ${threshold}`,
    );
  }
  const smallest = [...network.parameters].some(
    ([key, { data }]) => chosen(key) && positionsBelow(data, threshold).length > 0,
  );
  if (!smallest) {
    throw new InputError(
      `threshold ${threshold} selects nothing: no weight of ${network.name} is smaller; raise it, see "sara inspect"`,
    );
  }
  return threshold;
}
