/** What weights and their changes are made of, and the fit that gave SaRA's learning rate. */
export {
  type ExponentialFit,
  fitExponential,
  fitLogarithms,
  type Point,
  qualityOf,
} from './exponential-fit.js';
export { analyzeLayer, type ChangeAnalysis, type LayerAnalysis } from './layer.js';
export { type Amplification, amplification, subspaceSimilarity } from './subspaces.js';
