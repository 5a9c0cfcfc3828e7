/** What ONNX Runtime cannot express: weight gradients at chosen entries, in WebAssembly on threads of its own. */

export { type ConvShape, type LinearShape, SampledGradients } from './sampled-gradients.js';
export { sampledIsFaster } from './sampled-is-faster.js';
