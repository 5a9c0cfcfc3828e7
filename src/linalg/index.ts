/** Dense linear algebra in float64: products, QR factorization, singular values and vectors. */
export { type Dense, dense, frobenius, rowMean, transposed } from './dense.js';
export { product } from './product.js';
export { qr } from './qr.js';
export { type Svd, singularValues, svd } from './svd.js';
