/** Host tensors, 16-bit floats and the portable random generator. */
export * from './concatenate.js';
export * from './half.js';
export * from './random.js';
export * from './tensor.js';
