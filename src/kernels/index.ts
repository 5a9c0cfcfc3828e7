/** What ONNX Runtime cannot express: weight gradients at chosen entries, in WebAssembly on threads of its own, and AdamW in place. */

export { type AdamWArrays, type AdamWUpdate, adamwUpdate } from './adamw.js';
export { type ConvShape, type Finish, type LinearShape, SampledGradients } from './sampled-gradients.js';
export { sampledIsFaster } from './sampled-is-faster.js';
