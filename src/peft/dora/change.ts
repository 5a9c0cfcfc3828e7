/** What a DoRA adapter does to a weight: m ⊙ V/‖V‖ − W₀ with V = W₀ + (α/r) BA. */
import { InputError } from '../../errors.js';
import type { Tensor } from '../../tensor/index.js';
import { type Adapter, nameOf } from '../adapter/adapter.js';
import type { WeightDelta } from '../adapter/deltas.js';
import { readParameter } from '../adapter/parameters.js';
import { factorProduct, storedFactors } from '../lora/factors.js';

export const MAGNITUDE = '.lora_magnitude_vector';

/** The change of one weight; undefined where the adapter leaves it. Throws InputError where it does not fit. */
export function doraDelta(
  adapter: Adapter,
  key: string,
  { shape, data }: Tensor<'float32'>,
): WeightDelta | undefined {
  const stored = storedFactors(adapter, key, shape);
  if (!stored) return undefined;
  const magnitude = readParameter(adapter, key.replace(/\.weight$/, MAGNITUDE)).data;
  if (magnitude.length !== shape[0]) {
    throw new InputError(
      `${nameOf(adapter)} has ${magnitude.length} magnitudes for "${key}", which has ${shape[0]} rows; name the model that it belongs to`,
    );
  }
  const values = factorProduct(stored);
  const columns = values.length / magnitude.length;
  const norms = rowNorms(
    values.map((change, i) => data[i]! + change),
    magnitude.length,
  );
  for (let i = 0; i < values.length; i++) {
    const row = Math.floor(i / columns);
    values[i] = (magnitude[row]! / norms[row]!) * (data[i]! + values[i]!) - data[i]!;
  }
  return { key, shape, positions: undefined, values };
}

/** ‖W‖ of each of the rows. */
export function rowNorms(values: Float32Array, rows: number): Float32Array {
  const columns = values.length / rows;
  return Float32Array.from({ length: rows }, (_, row) => {
    let squares = 0;
    for (let i = row * columns; i < (row + 1) * columns; i++) squares += values[i]! * values[i]!;
    return Math.sqrt(squares);
  });
}
