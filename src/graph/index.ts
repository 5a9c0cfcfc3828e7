/** Values, graphs, their printed form and the ONNX writer. */
export * from './graph.js';
export * from './onnx/builder.js';
export * from './print.js';
export * from './value.js';
