/** Graphs of polar factors U Vᵀ of matrices U S Vᵀ without a singular value decomposition, by rational functions of S. */
import type { Value } from '../../graph/index.js';
import { add, cast, gemm, scale, sub } from '../../ops/index.js';
import { shiftedInverse } from './block-inverse.js';
import { type RationalStep, zolotarevSteps } from './zolotarev.js';

/** For singular values from 1e-7 on, which come within 1e-12 of 1; smaller ones come less close. */
const POLAR_STEPS = zolotarevSteps(1e-7, [1, 1, 1, 2]);
/** For those from 2e-5 on, which come within 1.1e-7: the Gram matrix has their squares. */
const ROOT_STEPS = zolotarevSteps(2e-5, [1, 1, 2]);

/** U Vᵀ of a tall float64 matrix [m, n], m ≥ n, with singular values of at most 1. */
export function polarFactor(matrix: Value): Value {
  return POLAR_STEPS.reduce((x, step) => {
    const correction = correctionOf(gemm(x, x, { transposeA: true }), step, 0, 1);
    return scale(add(x, gemm(x, correction)), step.factor);
  }, matrix);
}

export const ROOT_FACTOR = ROOT_STEPS.reduce((product, { factor }) => product * factor, 1);

/**
 * C of (XᵀX)^(−½) = ROOT_FACTOR · (I + C), from the Gram matrix XᵀX [n, n] in float64, where X has singular values of at
 * most 1. Where XᵀX has zeros, C is bounded.
 *
 * Each step multiplies X by factor · (I + N), N a function of the Gram matrix, which is kept as size · (E + diagonal · I).
 * The first step is in float64, as float32 does not tell the squares of small singular values from 0.
 */
export function rootCorrection(gram: Value): Value {
  const corrections: Value[] = [];
  let e = gram;
  let size = 1;
  let diagonal = 0;
  ROOT_STEPS.forEach((step, k) => {
    const n = correctionOf(e, step, diagonal, size);
    corrections.push(n);
    const [pole] = step.poles;
    if (k === ROOT_STEPS.length - 1 || !pole) return;
    // (E + d I)(I + N)² with N = w (E + (d + t) I)⁻¹, hence (E + d I) N = w I − t N.
    const [w, t] = [pole.weight / size, pole.shift / size];
    e = cast(sub(add(e, scale(n, w - 2 * t)), gemm(scale(n, t), n)), 'float32');
    diagonal += 2 * w;
    size *= step.factor ** 2;
  });
  const [first, ...others] = corrections;
  return composed(first!, cast(others.reduce(composed), gram.dtype));
}

/** Σ weight (G + shift I)⁻¹ of a step, for G = size · (E + diagonal · I). */
function correctionOf(e: Value, { poles }: RationalStep, diagonal: number, size: number): Value {
  return poles
    .map(({ shift, weight }) => scale(shiftedInverse(e, diagonal + shift / size), weight / size))
    .reduce(add);
}

/** (I + A)(I + B) − I */
function composed(a: Value, b: Value): Value {
  return add(add(a, b), gemm(a, b));
}
