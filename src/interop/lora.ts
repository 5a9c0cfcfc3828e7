/** A LoRA that does nearly what adapters do: the best low-rank approximation of each changed layer. */
import { type Dense, product } from '../linalg/index.js';
import type { AdaptedWeights, WeightDelta } from '../peft/index.js';
import type { RuntimeOptions } from '../runtime/index.js';
import { float32ToHalf, sizeOf, type Tensor, tensor, tensorOf, toFloat32 } from '../tensor/index.js';
import { lowRank } from './low-rank.js';

/** Which layers a LoRA takes. */
export const LORA_LAYERS = ['attention', 'attention-conv', 'all'] as const;
export type LoraLayers = (typeof LORA_LAYERS)[number];

const CHOSEN: Readonly<Record<LoraLayers, RegExp>> = {
  attention: /\.attn\d+\.to_(q|k|v|out\.0)\.weight$/,
  'attention-conv':
    /\.attn\d+\.to_(q|k|v|out\.0)\.weight$|\.(resnets|downsamplers|upsamplers)\.\d+\.conv\w*\.weight$/,
  all: /\.weight$/,
};

export type LoraDType = 'float16' | 'float32';

export interface LoraOptions {
  rank: number;
  layers: LoraLayers;
  dtype: LoraDType;
  runtime?: RuntimeOptions;
  onLayer?(done: number, total: number): void;
}

/** ΔW ≈ up · down. */
export interface LoraLayer {
  /** The module in diffusers' naming, such as `mid_block.resnets.0.conv1`. */
  readonly module: string;
  /** [r, in], for a convolution [r, in, kh, kw]. */
  readonly down: Tensor;
  /** [out, r], for a convolution [out, r, 1, 1]. */
  readonly up: Tensor;
  /** ‖ΔW‖ (Frobenius). */
  readonly norm: number;
  /** ‖ΔW − up · down‖ / ‖ΔW‖, of the factors as they are stored. */
  readonly relativeError: number;
}

/** A changed weight that the LoRA leaves as it is. */
export interface LeftOut {
  readonly key: string;
  readonly why: 'bias or norm' | 'not chosen';
  readonly norm: number;
}

export interface Lora {
  readonly rank: number;
  readonly layers: readonly LoraLayer[];
  readonly leftOut: readonly LeftOut[];
  /** Of the layers that the LoRA has. */
  readonly relativeError: number;
  /** Of everything that the adapters change. */
  readonly relativeErrorOfAll: number;
}

/**
 * Approximates Σ αᵢ ΔPᵢ. All layers get the same rank, padded with zeros where a layer is smaller, so that one alpha
 * equal to the rank holds for the file. Biases and norms cannot be expressed.
 */
export async function extractLora(
  weights: AdaptedWeights,
  { rank, layers: choice, dtype, runtime, onLayer = () => {} }: LoraOptions,
): Promise<Lora> {
  const layers: LoraLayer[] = [];
  const leftOut: LeftOut[] = [];
  const keys = weights.changed;
  for (const [i, key] of keys.entries()) {
    onLayer(i, keys.length);
    const delta = await weights.change(key);
    const norm = lengthOf(delta.values);
    const expressible = delta.shape.length === 2 || delta.shape.length === 4;
    if (norm === 0) continue;
    if (!expressible) leftOut.push({ key, why: 'bias or norm', norm });
    else if (!CHOSEN[choice].test(key)) leftOut.push({ key, why: 'not chosen', norm });
    else layers.push(await approximate(delta, norm, rank, dtype, runtime));
  }
  onLayer(keys.length, keys.length);
  return { rank, layers, leftOut, ...errors(layers, leftOut) };
}

async function approximate(
  delta: WeightDelta,
  norm: number,
  rank: number,
  dtype: LoraDType,
  runtime: RuntimeOptions | undefined,
): Promise<LoraLayer> {
  const [outputs, inputs, ...kernel] = delta.shape as [number, number, ...number[]];
  const matrix = dense(delta, outputs);
  const { columns } = matrix;
  const factors = await lowRank(matrix, rank, { runtime });
  const ones = kernel.map(() => 1);
  const down = stored([rank, inputs, ...kernel], padRows(factors.down, rank), dtype);
  const up = stored([outputs, rank, ...ones], padColumns(factors.up, rank), dtype);
  const reproduced = await product(asDense(up, outputs, rank), asDense(down, rank, columns), {}, runtime);
  const error = lengthOf(matrix.data.map((value, i) => value - reproduced.data[i]!));
  return {
    module: delta.key.replace(/\.weight$/, ''),
    down,
    up,
    norm,
    relativeError: error / norm,
  };
}

/** A change as a matrix with a row for each output. */
function dense({ shape, positions, values }: WeightDelta, rows: number): Dense {
  const size = sizeOf(shape);
  const data = new Float64Array(size);
  if (!positions) data.set(values);
  else for (let i = 0; i < values.length; i++) data[positions[i]!] = values[i]!;
  return { rows, columns: size / rows, data };
}

function padRows({ columns, data }: Dense, rows: number): Float64Array {
  const out = new Float64Array(rows * columns);
  out.set(data);
  return out;
}

function padColumns({ rows, columns, data }: Dense, wanted: number): Float64Array {
  const out = new Float64Array(rows * wanted);
  for (let i = 0; i < rows; i++) out.set(data.subarray(i * columns, (i + 1) * columns), i * wanted);
  return out;
}

function stored(shape: readonly number[], values: Float64Array, dtype: LoraDType): Tensor {
  return dtype === 'float16'
    ? tensorOf('float16', shape, float32ToHalf(values))
    : tensor(shape, Float32Array.from(values));
}

function asDense(stored: Tensor, rows: number, columns: number): Dense {
  return { rows, columns, data: Float64Array.from(toFloat32(stored)) };
}

function lengthOf(values: Float32Array | Float64Array): number {
  let squares = 0;
  for (let i = 0; i < values.length; i++) squares += values[i]! * values[i]!;
  return Math.sqrt(squares);
}

function errors(layers: readonly LoraLayer[], leftOut: readonly LeftOut[]) {
  const squares = (values: readonly number[]) => values.reduce((sum, value) => sum + value * value, 0);
  const lost = squares(layers.map(({ norm, relativeError }) => norm * relativeError));
  const kept = squares(layers.map(({ norm }) => norm));
  const missing = squares(leftOut.map(({ norm }) => norm));
  return {
    relativeError: kept === 0 ? 0 : Math.sqrt(lost / kept),
    relativeErrorOfAll: Math.sqrt((lost + missing) / (kept + missing)),
  };
}
