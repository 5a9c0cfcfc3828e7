/** Layers, and the scope through which they ask for their weights. */
export * from './activation.js';
export * from './adaptation.js';
export * from './convolution.js';
export * from './dropout.js';
export * from './initializers.js';
export * from './linear.js';
export * from './normalization.js';
export * from './parameters.js';
export * from './scope.js';
