/** Methods of fine-tuning: what trains of a network and how, and the adapters that hold what was learned. */

export { AdamW, type AdamWOptions } from './adamw.js';
export { AdaptedWeights, networkSource, type WeightSource } from './adapter/adapted-weights.js';
export type { Adapter, AdapterBase, AdapterDType, AdapterInfo } from './adapter/adapter.js';
export {
  type AdapterUse,
  AppliedAdapters,
  type ApplyOptions,
  applyAdapters,
  changedKeys,
  checkBase,
  checkFingerprint,
} from './adapter/apply.js';
export { packDeltas, type WeightDelta } from './adapter/deltas.js';
export { loadAdapter, saveAdapter } from './adapter/file.js';
export { FingerprintHash, fingerprint, fingerprintOrder, shortFingerprint } from './adapter/fingerprint.js';
export { type MergeOptions, mergeAdapters, summedDelta } from './adapter/merge.js';
export type { Addition } from './addition.js';
export { adapterOfFactors, factorsOfLayer, type ModuleFactors } from './dora/module-factors.js';
export type { Method, MethodCost, MethodOptions } from './method.js';
export { METHOD_NAMES, type MethodName } from './method-names.js';
export { createOptimizer, METHODS } from './methods.js';
export type { Gradients, Optimizer, OptimizerState, StepOptions, StepReport } from './optimizer.js';
export { type NuclearNorm, nuclearNorm } from './sara/nuclear-norm.js';
export {
  exportOfficialSara,
  importOfficialSara,
  type OfficialPrecision,
  type OfficialSara,
  officialPositions,
  readOfficialSara,
} from './sara/official-file.js';
export { AdamWSara, learningRateFor, type RankMatrices, type SaraOptions } from './sara/optimizer.js';
export { gather, positionsBelow, thresholdFor } from './selection.js';
export { selectedValues, type TrainedTensor } from './trained-tensor.js';
