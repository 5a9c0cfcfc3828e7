/**
 * The nuclear norm and its subgradient without a singular value decomposition.
 *
 * For A = U S Vᵀ the subgradient of ‖A‖_* is the polar factor U Vᵀ (Watson 1992), and ‖A‖_* = ⟨U Vᵀ, A⟩.
 * Newton–Schulz reaches U Vᵀ with matrix products alone: X₀ = A/‖A‖_F, X ← ½ X (3 I − XᵀX); singular values of zero stay zero.
 */
import { constant, graphOf, input, type Value } from '../../graph/index.js';
import { compile, div, gemm, mul, reduceSum, scale, sqrt, sub, take } from '../../ops/index.js';
import type { RuntimeOptions, Session } from '../../runtime/index.js';
import { type Tensor, tensor, tensorOf } from '../../tensor/index.js';

/** Each step multiplies a small singular value by 1.5: from 1e-5 of the norm to 1 takes 29, a few more polish. */
const ITERATIONS = 34;

/** U Vᵀ of a matrix [m, n]. */
export function polarFactor(matrix: Value): Value {
  const [rows, columns] = matrix.shape as [number, number];
  const norm = sqrt(reduceSum(mul(matrix, matrix)));
  const wide = rows <= columns;
  const side = Math.min(rows, columns);
  const identity = new Float32Array(side * side);
  for (let i = 0; i < side; i++) identity[i * side + i] = 1.5;
  const threeHalves = constant(tensor([side, side], identity));
  let x = div(matrix, norm);
  for (let i = 0; i < ITERATIONS; i++) {
    const gram = gemm(x, x, wide ? { transposeB: true } : { transposeA: true });
    const factor = sub(threeHalves, scale(gram, 0.5));
    x = wide ? gemm(factor, x) : gemm(x, factor);
  }
  return x;
}

export interface NuclearNorm {
  /** ‖P ⊙ M‖_* */
  readonly norm: number;
  /** (U Vᵀ) ⊙ M at the trained positions. */
  readonly gradient: Float32Array;
}

/** Computes nuclear norms of sparse matrices, keeping one compiled graph for each shape and number of entries. */
export class NuclearNormSolver {
  private readonly sessions = new Map<string, Promise<Session>>();

  constructor(private readonly options: RuntimeOptions = {}) {}

  /** Of the matrix [m, n] that has `values` at `positions` and zeros elsewhere. */
  async solve(shape: readonly number[], positions: Int32Array, values: Float32Array): Promise<NuclearNorm> {
    if (values.every((value) => value === 0)) return { norm: 0, gradient: new Float32Array(values.length) };
    const dense = new Float32Array(shape[0]! * shape[1]!);
    for (let i = 0; i < positions.length; i++) dense[positions[i]!] = values[i]!;
    const session = await this.session(shape, positions.length);
    const results = await session.run(
      new Map<string, Tensor>([
        ['matrix', tensor(shape, dense)],
        ['positions', tensorOf('int32', [positions.length], positions)],
      ]),
    );
    const gradient = results.get('polar')!.data as Float32Array;
    return { norm: gradient.reduce((sum, value, i) => sum + value * values[i]!, 0), gradient };
  }

  private session(shape: readonly number[], count: number): Promise<Session> {
    const key = `${shape} ${count}`;
    let session = this.sessions.get(key);
    if (!session) {
      const polar = polarFactor(input('matrix', shape));
      session = compile(graphOf({ polar: take(polar, input('positions', [count], 'int32')) }), this.options);
      this.sessions.set(key, session);
    }
    return session;
  }

  async dispose(): Promise<void> {
    for (const session of this.sessions.values()) await (await session).dispose();
    this.sessions.clear();
  }
}
