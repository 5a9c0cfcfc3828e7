/** Weight gradients at chosen entries only: a dot product for each, instead of a dense product of which little is used. */
import { convolutionPieces } from './convolution-layout.js';
import { linearPieces } from './linear-layout.js';
import type { Piece } from './piece.js';
import { Pool } from './pool.js';
import { sampledSteps } from './sampled-steps.js';

/** y [N, O] = x [N, I] · Wᵀ with W [O, I] */
export interface LinearShape {
  /** N, the tokens of the whole batch. */
  rows: number;
  /** O */
  outputs: number;
  /** I */
  inputs: number;
}

/** y [N, O, H', W'] = x [N, C, H, W] * weight [O, C, kh, kw] */
export interface ConvShape {
  batch: number;
  outputs: number;
  channels: number;
  height: number;
  width: number;
  kernel: readonly [number, number];
  stride: number;
  /** Zeros added at the top, left, bottom and right. */
  padding: readonly [number, number, number, number];
  outHeight: number;
  outWidth: number;
}

/** Completes what was begun; returns Σ out², which is finite only where all gradients are. */
export type Finish = () => number;

/**
 * Computes weight gradients at chosen entries, on threads of its own, one after the other. `linear` and `convolution`
 * return Σ out². What `begin…` begins goes on in the other threads until it is finished, while the calling thread does
 * something else; all that was given must stay as it is until then. Whatever begins next finishes it, too.
 */
export class SampledGradients {
  private unfinished: Finish | undefined;

  private constructor(private readonly pool: Pool) {}

  /** With as many threads as there are cores, unless said; their number does not change a bit of the results. */
  static async create({ threads }: { threads?: number | undefined } = {}): Promise<SampledGradients> {
    return new SampledGradients(await Pool.create(threads));
  }

  /** out[k] = dW[o, i] = Σ_n dY[n, o] · X[n, i] for the k-th of ascending flat positions o·inputs + i. */
  linear(...work: Parameters<SampledGradients['beginLinear']>): number {
    return this.beginLinear(...work)();
  }

  /**
   * out[k] = dW[o, c, u, v] = Σ_{n,i,j} dY[n, o, i, j] · X[n, c, i·s + u − top, j·s + v − left] for the k-th of ascending
   * flat positions of [O, C, kh, kw].
   */
  convolution(...work: Parameters<SampledGradients['beginConvolution']>): number {
    return this.beginConvolution(...work)();
  }

  beginLinear(
    shape: LinearShape,
    dY: Float32Array,
    x: Float32Array,
    positions: Int32Array,
    out: Float32Array,
  ): Finish {
    const { rows, outputs, inputs } = shape;
    expectLengths(dY, rows * outputs, x, rows * inputs, positions, outputs * inputs, out);
    return this.begin(linearPieces(shape, dY, x), inputs, positions, out);
  }

  beginConvolution(
    shape: ConvShape,
    dY: Float32Array,
    x: Float32Array,
    positions: Int32Array,
    out: Float32Array,
  ): Finish {
    const { batch, outputs, channels, height, width, kernel, outHeight, outWidth } = shape;
    const columns = channels * kernel[0] * kernel[1];
    const yLength = batch * outputs * outHeight * outWidth;
    const xLength = batch * channels * height * width;
    expectLengths(dY, yLength, x, xLength, positions, outputs * columns, out);
    return this.begin(convolutionPieces(shape, dY, x), columns, positions, out);
  }

  /** Ends the threads and frees their memory. */
  dispose(): Promise<void> {
    this.unfinished?.();
    return this.pool.dispose();
  }

  private begin(pieces: readonly Piece[], columns: number, positions: Int32Array, out: Float32Array): Finish {
    this.unfinished?.();
    const steps = sampledSteps(this.pool, pieces, columns, positions, out);
    let step = steps.next();
    const finish = () => {
      while (!step.done) step = steps.next();
      if (this.unfinished === finish) this.unfinished = undefined;
      return step.value;
    };
    this.unfinished = finish;
    return finish;
  }
}

function expectLengths(
  dY: Float32Array,
  dYLength: number,
  x: Float32Array,
  xLength: number,
  positions: Int32Array,
  weights: number,
  out: Float32Array,
): void {
  if (dY.length !== dYLength || x.length !== xLength)
    throw new RangeError(
      `sampled gradient: dY and x have ${dY.length} and ${x.length} values; their shapes say ${dYLength} and ${xLength}`,
    );
  if (out.length !== positions.length)
    throw new RangeError(`sampled gradient: ${positions.length} positions, but room for ${out.length}`);
  if (positions.length > 0 && (positions[0]! < 0 || positions.at(-1)! >= weights))
    throw new RangeError(`sampled gradient: positions go beyond the ${weights} entries of the weight`);
}
