/** Methods that find out what to train in steps of their own, and then train it. */
import { InputError } from '../errors.js';
import { type Network, parameterInput } from '../nn/index.js';
import type { Adapter, AdapterInfo } from './adapter/adapter.js';
import { ChosenEntries, type ChosenEntriesOptions, candidates } from './chosen-entries.js';
import type { MethodName } from './method-names.js';
import type { Gradients, Optimizer, OptimizerState, StepOptions, StepReport } from './optimizer.js';
import { setSelectedValues } from './trained-tensor.js';

export interface SearchOptions extends ChosenEntriesOptions {
  /** Updates that find out which entries train; those after them train these. */
  searchSteps?: number | undefined;
  /** Learning rate of the search, where it moves weights. */
  searchLearningRate?: number | undefined;
}

/** What trains after a search. */
export interface Found {
  /** Ascending flat positions by checkpoint key. */
  readonly positions: ReadonlyMap<string, Int32Array>;
  /** Where those entries start; at the base weights where undefined. */
  readonly values?: ReadonlyMap<string, Float32Array>;
}

/** A search is an optimizer without a result of its own. */
export interface Search extends Omit<Optimizer, 'searchSteps' | 'adapter' | 'save'> {
  /** Ends it: puts the base weights back and says what trains. */
  finish(): Found;
}

/** A search and then AdamW on what it found, with moments and a count of updates of its own. */
export class SearchingOptimizer implements Optimizer {
  private searching: Search | undefined;
  private training: ChosenEntries | undefined;
  readonly searchSteps: number;

  constructor(
    private readonly method: MethodName,
    private readonly network: Network,
    private readonly options: SearchOptions,
    private readonly startSearch: () => Search,
  ) {
    const { searchSteps } = options;
    if (searchSteps === undefined || searchSteps < 1) {
      throw new InputError(
        `method "${method}" needs at least one step to find out what to train, got ${searchSteps ?? 'none'}; give --search-steps`,
      );
    }
    this.searchSteps = searchSteps;
    this.searching = startSearch();
  }

  get tensors() {
    return this.current.tensors;
  }

  get learningRate(): number {
    return this.current.learningRate;
  }

  get trainedCount(): number {
    return this.current.trainedCount;
  }

  get step(): number {
    return this.training ? this.searchSteps + this.training.step : this.searching!.step;
  }

  requests(...weights: Parameters<Optimizer['requests']>): ReturnType<Optimizer['requests']> {
    return this.current.requests(...weights);
  }

  async update(gradients: Gradients, options?: StepOptions): Promise<StepReport> {
    const report = await this.current.update(gradients, options);
    if (this.searching?.step === this.searchSteps) this.train(this.searching.finish());
    return report;
  }

  state(): OptimizerState {
    return { ...this.current.state(), step: this.step };
  }

  restore(state: OptimizerState): void {
    if (state.step < this.searchSteps) {
      const searching = this.startSearch();
      searching.restore(state);
      [this.searching, this.training] = [searching, undefined];
      return;
    }
    const training = this.trainingOf({ positions: this.positionsIn(state) });
    training.restore({ ...state, step: state.step - this.searchSteps });
    [this.searching, this.training] = [undefined, training];
  }

  adapter(info?: AdapterInfo): Adapter {
    return this.result.adapter(info);
  }

  save(path: string, info?: AdapterInfo): Promise<void> {
    return this.result.save(path, info);
  }

  private get current(): Search | ChosenEntries {
    return this.training ?? this.searching!;
  }

  private get result(): ChosenEntries {
    if (this.training) return this.training;
    throw new InputError(
      `method "${this.method}" has found nothing to train after ${this.step} of ${this.searchSteps} steps of its search; train on before it is saved`,
    );
  }

  private train(found: Found): void {
    this.training = this.trainingOf(found);
    this.searching = undefined;
  }

  private trainingOf({ positions, values }: Found): ChosenEntries {
    const training = new ChosenEntries(this.method, this.network, this.options, positions);
    for (const trained of values ? training.tensors : [])
      setSelectedValues(trained, values!.get(trained.key)!);
    return training;
  }

  /** The entries of a state that trains. Throws InputError where it is of another method or network. */
  private positionsIn({ tensors }: OptimizerState): Map<string, Int32Array> {
    return new Map(
      candidates(this.network, this.options).map(([key, { data }]) => {
        const name = parameterInput(this.network, key);
        const found = tensors.get(`indices.${name}`)?.data;
        if (found instanceof Int32Array && (found.at(-1) ?? 0) < data.length) return [key, found.slice()];
        throw new InputError(
          `the checkpoint does not say which entries of ${name} train; it is of another run, so start anew or name that run's model and options`,
        );
      }),
    );
  }
}
