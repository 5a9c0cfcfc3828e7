/** Differentiation of graphs. */
export { gradients, vectorJacobianProduct } from './gradients.js';
export {
  compileLoss,
  type LossOptions,
  type LossProgram,
  type LossResult,
} from './program.js';
export type { GradientRequest } from './request.js';
