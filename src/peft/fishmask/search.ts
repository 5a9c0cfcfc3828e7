/** FishMask's search: scores F = Σ g² over the gradients of single samples, at the base weights. */
import type { GradientRequest } from '../../autodiff/index.js';
import type { Value } from '../../graph/index.js';
import type { Network } from '../../nn/index.js';
import { type Tensor, tensorOf } from '../../tensor/index.js';
import type { AdamWOptions } from '../adamw.js';
import type { Gradients, OptimizerState, StepReport } from '../optimizer.js';
import type { Found, Search } from '../search.js';
import { positionsOfLargest } from '../selection.js';
import { storedFloats } from '../stored-floats.js';
import { entriesOf, type WholeWeight, wholeRequests, wholeWeights } from '../whole-weights.js';
import type { Score } from './score.js';

export interface FishMaskOptions {
  /** What is summed up of each gradient: g² as in the paper unless said, or |g| as in the original script. */
  score?: Score | undefined;
}

interface ScoredWeight extends WholeWeight {
  readonly scores: Float32Array;
}

export class FisherScores implements Search {
  /** Nothing moves. */
  readonly learningRate = 0;
  readonly tensors: readonly ScoredWeight[];
  private updates = 0;

  constructor(
    network: Network,
    options: AdamWOptions,
    private readonly count: number,
    private readonly score: Score,
  ) {
    this.tensors = wholeWeights(network, options).map((weight) => ({
      ...weight,
      scores: new Float32Array(weight.size),
    }));
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

  /** Adds the gradients of one sample to the scores. */
  async update(gradients: Gradients): Promise<StepReport> {
    const byName = new Map(this.tensors.map(({ name, scores }) => [name, scores]));
    let squares = 0;
    for await (const [name, gradient] of gradients) {
      const scores = byName.get(name);
      if (!scores) continue;
      for (let i = 0; i < scores.length; i++) {
        const square = gradient[i]! * gradient[i]!;
        squares += square;
        scores[i]! += this.score === 'squared' ? square : Math.abs(gradient[i]!);
      }
    }
    this.updates++;
    return { gradientNorm: Math.sqrt(squares), learningRate: 0, losses: {} };
  }

  state(): OptimizerState {
    const tensors = this.tensors.map(({ name, scores }): [string, Tensor] => [
      `scores.${name}`,
      tensorOf('float32', [scores.length], scores),
    ]);
    return { step: this.updates, tensors: new Map(tensors) };
  }

  restore({ step, tensors }: OptimizerState): void {
    const stored = this.tensors.map(({ name, scores }) =>
      storedFloats(tensors, `scores.${name}`, scores.length),
    );
    this.tensors.forEach(({ scores }, i) => {
      scores.set(stored[i]!);
    });
    this.updates = step;
  }

  finish(): Found {
    const scores = () => this.tensors.map(({ key, scores }) => [key, scores] as const);
    return { positions: positionsOfLargest(scores, this.count) };
  }
}
