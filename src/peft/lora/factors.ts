/** The two factors of a low-rank change: A [r, in] and B [out, r], for a convolution [r, in, kh, kw] and [out, r, 1, 1]. */
import { InputError } from '../../errors.js';
import type { Value } from '../../graph/index.js';
import { type Layer, type Network, ZEROS } from '../../nn/index.js';
import { conv2d, gemm, scale } from '../../ops/index.js';
import { sizeOf, type Tensor } from '../../tensor/index.js';
import type { AdamWOptions } from '../adamw.js';
import { type Adapter, nameOf } from '../adapter/adapter.js';
import { readParameter } from '../adapter/parameters.js';
import { type AddedParameter, nearestWidth } from '../addition.js';
import { type Target, targetsOf } from './targets.js';

export const A = '.lora_A.weight';
export const B = '.lora_B.weight';
export const ALPHA = '.alpha';

export interface LoraOptions extends AdamWOptions {
  /** r; 16 unless said or found by `targetParameters`. */
  rank?: number | undefined;
  /** α, where α/r is the factor on BA; the rank unless said. */
  alpha?: number | undefined;
  /** Endings of module paths, or names of TARGET_SETS; attention unless said. */
  targetModules?: readonly string[] | undefined;
  /** Finds the rank whose number of parameters comes nearest. */
  targetParameters?: number | undefined;
  /** Names what is drawn for A. */
  seed?: number | undefined;
}

const DEFAULT_RANK = 16;

/** Options with everything filled in. */
export interface LowRank {
  readonly targets: readonly Target[];
  readonly rank: number;
  readonly alpha: number;
}

/** `perRow`: parameters that each layer has for each of its outputs, whatever the rank. Throws InputError on bad options. */
export function resolveLowRank(network: Network, options: LoraOptions, perRow = 0): LowRank {
  const targets = targetsOf(network, options.targetModules, options.parameters);
  const { rank: given, targetParameters } = options;
  if (given !== undefined && targetParameters !== undefined) {
    throw new InputError(
      `a rank or a number of parameters is taken, got ${given} and ${targetParameters}; leave one out`,
    );
  }
  const each = targets.reduce((sum, { shape: [out, ...rest] }) => sum + out! + sizeOf(rest), 0);
  const fixed = perRow * targets.reduce((sum, { shape }) => sum + shape[0]!, 0);
  const rank = given ?? (targetParameters ? nearestWidth(targetParameters, each, fixed) : DEFAULT_RANK);
  const { alpha = rank } = options;
  if (!Number.isSafeInteger(rank) || rank < 1 || !(alpha > 0)) {
    throw new InputError(
      `expected a rank that is a whole number of at least 1 and an alpha above 0, got ${rank} and ${alpha}`,
    );
  }
  return { targets, rank, alpha };
}

/** A as torch draws a layer's weights (Kaiming uniform with a = √5), B = 0: the change begins at nothing. */
export function factors({ path, shape }: Target, rank: number): [string, AddedParameter][] {
  const [outputs, ...inputs] = shape as [number, ...number[]];
  const ones = inputs.slice(1).map(() => 1);
  return [
    [path + A, { shape: [rank, ...inputs], initial: { kind: 'fan-in', fanIn: sizeOf(inputs) } }],
    [path + B, { shape: [outputs, rank, ...ones], initial: ZEROS }],
  ];
}

/** α of each module, as adapter files hold it. */
export function alphas({ targets, alpha }: LowRank): Map<string, number> {
  return new Map(targets.map(({ path }) => [path + ALPHA, alpha]));
}

/** factor · B(Ax), which never makes BA. */
export function lowRankOutput(
  layer: Exclude<Layer, { kind: 'block' }>,
  a: Value,
  b: Value,
  factor: number,
): Value {
  const scaled = (hidden: Value) => (factor === 1 ? hidden : scale(hidden, factor));
  if (layer.kind === 'linear')
    return gemm(scaled(gemm(layer.x, a, { transposeB: true })), b, { transposeB: true });
  const hidden = conv2d(layer.x, a, undefined, layer.attributes);
  return conv2d(scaled(hidden), b, undefined, { stride: 1, padding: [0, 0, 0, 0] });
}

/** What an adapter holds of one layer. */
export interface StoredFactors {
  readonly a: Tensor<'float32'>;
  readonly b: Tensor<'float32'>;
  /** α/r */
  readonly factor: number;
}

/** The factors of the weight `key`; undefined where the adapter leaves it. Throws InputError where they do not fit it. */
export function storedFactors(
  adapter: Adapter,
  key: string,
  shape: readonly number[],
): StoredFactors | undefined {
  const path = key.replace(/\.weight$/, '');
  if (path === key || !adapter.tensors.has(path + A)) return undefined;
  const [a, b] = [readParameter(adapter, path + A), readParameter(adapter, path + B)];
  const [outputs, ...inputs] = shape;
  const rank = a.shape[0]!;
  if (String(a.shape.slice(1)) !== String(inputs) || sizeOf(b.shape) !== outputs! * rank) {
    throw new InputError(
      `${nameOf(adapter)} has factors [${a.shape}] and [${b.shape}] for "${key}", which is [${shape}]; name the model that it belongs to`,
    );
  }
  return { a, b, factor: readParameter(adapter, path + ALPHA).data[0]! / rank };
}

/** factor · BA, row-major in the shape of the weight. */
export function factorProduct({ a, b, factor }: StoredFactors): Float32Array {
  const rank = a.shape[0]!;
  const columns = a.data.length / rank;
  const rows = b.data.length / rank;
  const out = new Float32Array(rows * columns);
  const row = new Float64Array(columns);
  for (let i = 0; i < rows; i++) {
    row.fill(0);
    for (let k = 0; k < rank; k++) {
      const weight = factor * b.data[i * rank + k]!;
      if (weight === 0) continue;
      const from = k * columns;
      for (let j = 0; j < columns; j++) row[j]! += weight * a.data[from + j]!;
    }
    out.set(row, i * columns);
  }
  return out;
}

/** The weights that an adapter of factors changes. Throws InputError where the network lacks one of them. */
export function factorKeys(
  adapter: Adapter,
  { name, parameters }: { name: string; parameters: { has(key: string): boolean } },
): string[] {
  const keys = [...adapter.tensors.keys()].filter((key) => key.endsWith(A));
  return keys.map((tensor) => {
    const key = `${tensor.slice(0, -A.length)}.weight`;
    if (parameters.has(key)) return key;
    throw new InputError(
      `${nameOf(adapter)} has the tensor "${tensor}", which belongs to no layer of the ${name}; name the model that it belongs to`,
    );
  });
}
