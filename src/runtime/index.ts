/** Sessions of ONNX Runtime. */
export * from './session.js';
