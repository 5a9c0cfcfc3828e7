/**
 * Inverses of positive definite matrices, with almost all work in matrix products:
 *
 *   A⁻¹ = [ A₁₁⁻¹ + T S⁻¹ Tᵀ   −T S⁻¹ ]    T = A₁₁⁻¹ A₁₂,  S = A₂₂ − A₁₂ᵀ T
 *         [ −S⁻¹ Tᵀ             S⁻¹   ],
 */
import { constant, type Value } from '../../graph/index.js';
import { add, concat, gemm, inverse, neg, scale, slice, sub, transpose } from '../../ops/index.js';
import type { Tensor } from '../../tensor/index.js';

/** Blocks of up to this side are inverted by the operator, on one thread. */
const BLOCK = 96;

/** (A + shift · I)⁻¹ of a symmetric A, where that is positive definite. */
export function shiftedInverse(a: Value, shift: number): Value {
  const side = a.shape[0]!;
  if (side <= BLOCK) {
    const found = inverse(add(a, diagonal(side, shift, a)));
    // In the part that is not symmetric, errors would grow by A's condition at every level above.
    return scale(add(found, transpose(found, [1, 0])), 0.5);
  }
  const half = Math.ceil(side / 2);
  const [upper, lower] = [slice(a, 0, 0, half), slice(a, 0, half, side)];
  const right = slice(upper, 1, half, side);
  const first = shiftedInverse(slice(upper, 1, 0, half), shift);
  const t = gemm(first, right);
  const schur = sub(slice(lower, 1, half, side), gemm(right, t, { transposeA: true }));
  const second = shiftedInverse(schur, shift);
  const corner = neg(gemm(t, second));
  const corrected = sub(first, gemm(corner, t, { transposeB: true }));
  return concat([concat([corrected, corner], 1), concat([transpose(corner, [1, 0]), second], 1)], 0);
}

/** A multiple of the identity, of the dtype of `like`. */
function diagonal(side: number, multiple: number, { dtype }: Value): Value {
  const data = new (dtype === 'float64' ? Float64Array : Float32Array)(side * side);
  for (let i = 0; i < side; i++) data[i * (side + 1)] = multiple;
  return constant({ dtype, shape: [side, side], data } as Tensor);
}
