/** Differentiation of graphs. */
export { gradients, vectorJacobianProduct } from './gradients.js';
export {
  compileLoss,
  type GradientRequest,
  type LossOptions,
  type LossProgram,
  type LossResult,
} from './program.js';
