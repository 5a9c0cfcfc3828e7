/** Optimizers: what trains of a network and how. */
export { AdamW, type AdamWOptions, type TrainedTensor } from './adamw.js';
export type { Optimizer, OptimizerState, StepOptions, StepReport } from './optimizer.js';
export { AdamWSara, learningRateFor, type SaraOptions } from './sara/adamw-sara.js';
export { positionsBelow, thresholdFor } from './selection.js';
