/** How a requested gradient leaves its graph: whole, gathered from the whole, or from what its sampled form needs. */
import { input, type Value } from '../graph/index.js';
import {
  type ConvShape,
  type Finish,
  type LinearShape,
  type SampledGradients,
  sampledIsFaster,
} from '../kernels/index.js';
import { take, type WeightGradientAttributes } from '../ops/index.js';
import { type Tensor, tensorOf } from '../tensor/index.js';

/** What computes gradients at chosen entries. */
export type Kernels = Pick<SampledGradients, 'beginLinear' | 'beginConvolution'>;

/** Which gradient is wanted, and which entries of it. */
export interface GradientRequest {
  readonly of: Value;
  /** Ascending flat positions; the whole gradient unless said. */
  readonly positions?: Int32Array | undefined;
}

/** What a reading reads from. */
export interface Results {
  /** A value that the run has computed. */
  get(value: Value): Float32Array;
  /** An array to be filled with a gradient, which belongs to it as long as gradients are to stay valid. */
  room(length: number): Float32Array;
}

/** A gradient, and Σ of its squares where that is known. */
export interface ReadGradient {
  readonly values: Float32Array;
  readonly squares?: number;
}

/** What a graph has to compute for a requested gradient, and how the gradient comes out of it. */
export interface Reading {
  readonly values: readonly Value[];
  /** Whether the values are not needed any more once they were read. */
  readonly passing: boolean;
  /** Inputs of the graph that belong to the reading. */
  readonly feeds: ReadonlyMap<string, Tensor>;
  /** Begins to compute the gradient's entries, maybe on other threads, and gives what completes them. */
  begin(results: Results): () => ReadGradient;
}

/** Chooses how to read `gradient`, which is the whole of what is requested; sampled only where kernels are given. */
export function readingOf(
  name: string,
  { positions }: GradientRequest,
  gradient: Value,
  kernels: Kernels | undefined,
): Reading {
  if (!positions) {
    const begin = (results: Results) => () => ({ values: results.get(gradient) });
    return { values: [gradient], passing: false, feeds: new Map(), begin };
  }
  return (
    lookedUp(gradient, positions) ??
    (kernels && sampled(gradient, positions, kernels)) ??
    gathered(name, gradient, positions)
  );
}

/** Of a table of which rows were looked up: dT[r] = Σ dy of the places whose id is r, without a gradient of the table's size. */
function lookedUp(gradient: Value, positions: Int32Array): Reading | undefined {
  const { op, inputs } = gradient.node;
  const [dy, ids] = inputs.map(unshaped) as [Value, Value];
  if (op !== 'scatter_add_rows' || ids.node.op !== 'input') return undefined;
  const columns = gradient.shape[1]!;
  /** Where the positions of each row begin. */
  const starts = new Map<number, number>();
  positions.forEach((position, k) => {
    const row = Math.floor(position / columns);
    if (!starts.has(row)) starts.set(row, k);
  });
  const begin = (results: Results) => {
    const values = results.room(positions.length).fill(0);
    const rows = results.get(dy);
    results.get(ids).forEach((row, place) => {
      const start = starts.get(row);
      if (start === undefined) return;
      for (let k = start; k < positions.length && positions[k]! < (row + 1) * columns; k++)
        values[k]! += rows[place * columns + (positions[k]! % columns)]!;
    });
    return () => ({ values });
  };
  return { values: [dy, ids], passing: true, feeds: new Map(), begin };
}

function gathered(name: string, gradient: Value, positions: Int32Array): Reading {
  const fed = `trained positions of ${name}`;
  const entries = take(gradient, input(fed, [positions.length], 'int32'));
  const feeds = new Map([[fed, tensorOf('int32', [positions.length], positions)]]);
  return {
    values: [entries],
    passing: false,
    feeds,
    begin: (results) => () => ({ values: results.get(entries) }),
  };
}

/** The sampled form of a weight gradient of a linear layer or a convolution, where it is the faster one. */
function sampled(gradient: Value, positions: Int32Array, kernels: Kernels): Reading | undefined {
  const { op, inputs, attributes } = gradient.node;
  const [dy, x] = inputs.map(unshaped) as [Value, Value];
  const reading = (
    beginSampling: (dy: Float32Array, x: Float32Array, out: Float32Array) => Finish,
  ): Reading => {
    const begin = (results: Results) => {
      const values = results.room(positions.length);
      const finish = beginSampling(results.get(dy), results.get(x), values);
      return () => ({ squares: finish(), values });
    };
    return { values: [dy, x], passing: true, feeds: new Map(), begin };
  };
  if (op === 'gemm' && isLinearWeightGradient(attributes)) {
    const [rows, outputs] = inputs[0]!.shape as [number, number];
    const shape: LinearShape = { rows, outputs, inputs: inputs[1]!.shape[1]! };
    if (!sampledIsFaster(shape, positions.length)) return undefined;
    return reading((dY, X, out) => kernels.beginLinear(shape, dY, X, positions, out));
  }
  if (op === 'conv2d_weight_gradient') {
    const shape = convShape(inputs[0]!, inputs[1]!, attributes as WeightGradientAttributes);
    if (!sampledIsFaster(shape, positions.length)) return undefined;
    return reading((dY, X, out) => kernels.beginConvolution(shape, dY, X, positions, out));
  }
  return undefined;
}

/** The value that a reshape gives another shape, which needs no copy. */
const unshaped = (value: Value): Value =>
  value.node.op === 'reshape' ? unshaped(value.node.inputs[0]!) : value;

/** dW = dYᵀ X, which is how the rules write it for y = x Wᵀ. */
const isLinearWeightGradient = (attributes: unknown): boolean => {
  const { transposeA, transposeB } = attributes as { transposeA: boolean; transposeB: boolean };
  return transposeA && !transposeB;
};

function convShape(dy: Value, x: Value, attributes: WeightGradientAttributes): ConvShape {
  const [batch, outputs, outHeight, outWidth] = dy.shape as [number, number, number, number];
  const [, channels, height, width] = x.shape as [number, number, number, number];
  const { stride, padding, weightShape } = attributes;
  const kernel = [weightShape[2]!, weightShape[3]!] as const;
  return { batch, outputs, channels, height, width, kernel, stride, padding, outHeight, outWidth };
}
