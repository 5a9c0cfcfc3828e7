/** Differentiation of graphs. */
export { gradients, vectorJacobianProduct } from './gradients.js';
export {
  collectGradients,
  compileLoss,
  type LossOptions,
  type LossOutputs,
  type LossProgram,
  type LossResult,
  type NamedGradient,
  planLoss,
} from './program.js';
export type { GradientRequest, Kernels } from './request.js';
export { passingSizes, type StagePlan } from './staged-program.js';
