/** Several LoRAs as one: Σ cᵢ BᵢAᵢ is (α/r) BA with the Aᵢ below each other, the cᵢBᵢ side by side, and r = Σ rᵢ. */
import type { Network } from '../../nn/index.js';
import { concatenate, type Tensor, tensor } from '../../tensor/index.js';
import type { AdapterDType } from '../adapter/adapter.js';
import type { AdapterUse } from '../adapter/apply.js';
import { packParameters } from '../adapter/parameters.js';
import { A, ALPHA, B, factorKeys, type StoredFactors, storedFactors } from './factors.js';

export interface JoinedFactors {
  /** [r, in] or [r, in, kh, kw] */
  readonly a: Tensor<'float32'>;
  /** [out, r] or [out, r, 1, 1] */
  readonly b: Tensor<'float32'>;
  readonly alpha: number;
}

/** The factors of one weight, of shape `shape`; undefined where no adapter changes it. Throws InputError where some do not fit it. */
export function joinedFactors(
  uses: readonly AdapterUse[],
  key: string,
  shape: readonly number[],
): JoinedFactors | undefined {
  const parts = uses.flatMap(({ adapter, scale = 1 }) => {
    const stored = storedFactors(adapter, key, shape);
    return stored ? [{ ...stored, factor: scale * stored.factor }] : [];
  });
  return parts.length > 0 ? join(parts) : undefined;
}

/** The largest |cᵢ| becomes α/r, so that no Bᵢ grows, and Bᵢ of like cᵢ stay as they are. */
function join(parts: readonly StoredFactors[]): JoinedFactors {
  const largest = Math.max(...parts.map(({ factor }) => Math.abs(factor))) || 1;
  const a = concatenate(parts.map((part) => part.a));
  const scaled = parts.map(({ b, factor }) =>
    tensor(
      b.shape,
      b.data.map((value) => (factor / largest) * value),
    ),
  );
  return { a, b: concatenate(scaled, 1), alpha: largest * a.shape[0]! };
}

/** The tensors of a LoRA that is the weighted sum of others. Throws InputError where one does not fit the network. */
export function joinLoras(
  uses: readonly AdapterUse[],
  network: Network,
  dtype?: AdapterDType,
): Map<string, Tensor> {
  const parameters = new Map<string, Tensor<'float32'>>();
  const alphas = new Map<string, number>();
  for (const key of new Set(uses.flatMap(({ adapter }) => factorKeys(adapter, network)))) {
    const joined = joinedFactors(uses, key, network.parameters.get(key)!.shape)!;
    const path = key.replace(/\.weight$/, '');
    parameters.set(path + A, joined.a);
    parameters.set(path + B, joined.b);
    alphas.set(path + ALPHA, joined.alpha);
  }
  return packParameters(parameters, alphas, dtype);
}
