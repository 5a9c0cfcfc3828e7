/** Differentiation of graphs. */
export { gradients, vectorJacobianProduct } from './gradients.js';
export {
  collectGradients,
  compileLoss,
  type LossOptions,
  type LossProgram,
  type LossResult,
  type NamedGradient,
} from './program.js';
export type { GradientRequest } from './request.js';
