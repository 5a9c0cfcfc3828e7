/** What every method of fine-tuning is to the rest of the program. */
import type { Adaptation, Network } from '../nn/index.js';
import type { Tensor } from '../tensor/index.js';
import type { Adapter, AdapterDType } from './adapter/adapter.js';
import type { AdapterUse } from './adapter/apply.js';
import type { WeightDelta } from './adapter/deltas.js';
import type { AdaptFormerOptions } from './adaptformer/method.js';
import type { Addition } from './addition.js';
import type { DiffPruningOptions } from './diffpruning/search.js';
import type { FishMaskOptions } from './fishmask/search.js';
import type { LoraOptions } from './lora/options.js';
import type { Optimizer } from './optimizer.js';
import type { SaraOptions } from './sara/optimizer.js';
import type { SearchOptions } from './search.js';
import type { TextualInversionOptions } from './textual-inversion/method.js';

/** Options of any method; each takes AdamW's and those it lists. */
export type MethodOptions = SaraOptions &
  LoraOptions &
  AdaptFormerOptions &
  SearchOptions &
  FishMaskOptions &
  DiffPruningOptions &
  TextualInversionOptions;

/** What a method costs, beside the network itself. */
export interface MethodCost {
  /** Bytes of what the optimizer keeps for each entry that trains, by the type of the network's weights; none where it needs them in float32. */
  readonly state: { readonly float32: number; readonly float16?: number };
  /** Which gradients have to be there. */
  readonly gradients: 'whole weights' | 'chosen entries' | 'own parameters';
  /** How it finds out what to train before it trains it, where the weights alone do not tell. */
  readonly search?: SearchCost;
}

/** Steps before training, which take the gradients of whole weights. */
export interface SearchCost {
  /** How many unless said; as many as those of training where undefined. */
  readonly steps?: number;
  /** Samples at a time; as many as in training where undefined. */
  readonly samples?: number;
  /** Bytes of what is kept for each entry that may train. */
  readonly state: number;
  /** Whether it moves weights meanwhile, by gradients that are scaled down as in training. */
  readonly moves: boolean;
}

export interface Method {
  /** What it trains, in words. */
  readonly trains: string;
  /** Which part of a model it trains. */
  readonly network: 'unet' | 'text_encoder';
  readonly cost: MethodCost;
  /** The options it has beside AdamW's. */
  readonly options: readonly (keyof MethodOptions)[];
  /** Throws InputError where the options select nothing. */
  createOptimizer(network: Network, options: MethodOptions): Optimizer;
  /**
   * What it adds to the network, which may lack its values; only of methods that add parameters. Throws InputError where
   * the options select nothing.
   */
  addition?(network: Network, options: MethodOptions): Addition;
  /**
   * What an adapter makes of the network's layers at a scale, under a name for its parameters; only of methods whose
   * adapters change no weights, and so cannot be merged. Throws InputError where it does not fit.
   */
  adaptation?(adapter: Adapter, network: Network, use: { name: string; scale: number }): Adaptation;
  /**
   * What an adapter of the method adds at scale 1 to one weight, which has its base values; undefined where it leaves that as
   * it is. Throws InputError where it does not fit.
   */
  delta(adapter: Adapter, key: string, weight: Tensor<'float32'>): WeightDelta | undefined;
  /**
   * The tensors of one adapter that is the weighted sum of several of this method; absent where only the sum of their
   * changes of weights is. Throws InputError where one does not fit.
   */
  join?(
    uses: readonly AdapterUse[],
    network: Network,
    dtype: AdapterDType | undefined,
  ): ReadonlyMap<string, Tensor>;
  /** Which weights an adapter changes. Throws InputError where the network lacks one of them. */
  changedKeys(
    adapter: Adapter,
    network: { name: string; parameters: { has(key: string): boolean } },
  ): string[];
}
