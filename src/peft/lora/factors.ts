/** The two factors of a low-rank change: A [r, in] and B [out, r], for a convolution [r, in, kh, kw] and [out, r, 1, 1]. */
import { InputError } from '../../errors.js';
import type { Value } from '../../graph/index.js';
import type { Layer } from '../../nn/index.js';
import { conv2d, gemm, scale } from '../../ops/index.js';
import { sizeOf, type Tensor } from '../../tensor/index.js';
import { type Adapter, nameOf } from '../adapter/adapter.js';
import { readParameter } from '../adapter/parameters.js';

export const A = '.lora_A.weight';
export const B = '.lora_B.weight';
export const ALPHA = '.alpha';

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
