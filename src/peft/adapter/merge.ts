/** Several adapters as one. */
import { InputError } from '../../errors.js';
import { asFloat32, type Network } from '../../nn/index.js';
import { sizeOf, type Tensor } from '../../tensor/index.js';
import { METHODS } from '../methods.js';
import { gather, positionsBelow, positionsOfOnes, samePositions } from '../selection.js';
import type { Adapter, AdapterDType } from './adapter.js';
import { type AdapterUse, changedKeys, checkBase, expectWeightChanges } from './apply.js';
import { packDeltas, type WeightDelta } from './deltas.js';

export interface MergeOptions {
  /** The network's model, for messages. */
  model?: string;
  dtype?: AdapterDType;
}

/**
 * Σ αᵢ ΔPᵢ (paper appendix Eq. 3) on the union of the changed entries; entries that several adapters change get the sum.
 * The network has the adapters' base weights. LoRAs make a LoRA, whose ranks are the sums of theirs. Adapters of unlike
 * methods, and of others whose tensors are no changes, make one of method "full". Positions stay implied by the largest
 * threshold where the union is exactly the entries below it, and are listed otherwise.
 */
export function mergeAdapters(
  network: Network,
  uses: readonly AdapterUse[],
  { model = network.name, dtype }: MergeOptions = {},
): Adapter {
  const first = uses[0]?.adapter;
  if (!first) throw new InputError('there is nothing to merge; name at least one adapter');
  expectWeightChanges(uses);
  checkBase(network, uses, model);
  const adapters = uses.map(({ adapter }) => adapter);
  const same = <T>(of: (adapter: Adapter) => T): boolean => adapters.every((one) => of(one) === of(first));
  const alike = same(({ method }) => method) ? METHODS[first.method] : undefined;
  const info = {
    base: first.base,
    prefix: same(({ prefix }) => prefix) ? first.prefix : '',
    settings: {
      merged: uses.map(({ adapter: { method, prefix, settings }, scale = 1 }) => ({
        method,
        scale,
        prefix,
        settings,
      })),
    },
  };
  if (alike?.join)
    return { ...info, method: first.method, scale: 1, tensors: alike.join(uses, network, dtype) };

  const merged = changedKeys(uses, network).map(
    (key) => summedDelta(uses, key, asFloat32(network.parameters.get(key)!)) as WeightDelta,
  );
  const thresholds = adapters.map(({ threshold }) => threshold ?? 0);
  const threshold = thresholds.includes(0) ? undefined : Math.max(...thresholds);
  const implied = ({ key, positions }: WeightDelta) =>
    threshold !== undefined &&
    samePositions(positions!, positionsBelow(asFloat32(network.parameters.get(key)!).data, threshold));
  return {
    ...info,
    method: alike && !alike.addition ? first.method : 'full',
    threshold,
    ...packDeltas(() => merged, implied, dtype),
  };
}

/** Σ αᵢ ΔPᵢ of one weight, which has its base values; undefined where no adapter changes it. */
export function summedDelta(
  uses: readonly AdapterUse[],
  key: string,
  weight: Tensor<'float32'>,
): WeightDelta | undefined {
  const parts = uses.flatMap(({ adapter, scale = 1 }) => {
    const delta = METHODS[adapter.method].delta(adapter, key, weight);
    return delta ? [{ scale, delta }] : [];
  });
  return parts.length > 0 ? sum(parts) : undefined;
}

/** The weighted sum of changes of one weight. */
function sum(parts: readonly { scale: number; delta: WeightDelta }[]): WeightDelta {
  const { key, shape } = parts[0]!.delta;
  const size = sizeOf(shape);
  const total = new Float32Array(size);
  const changed = new Uint8Array(size);
  for (const { scale, delta } of parts) {
    const { positions, values } = delta;
    if (!positions) changed.fill(1);
    for (let i = 0; i < values.length; i++) {
      const at = positions ? positions[i]! : i;
      total[at]! += scale * values[i]!;
      changed[at] = 1;
    }
  }
  if (parts.some(({ delta }) => !delta.positions)) return { key, shape, positions: undefined, values: total };
  const positions = positionsOfOnes(changed);
  return { key, shape, positions, values: gather(total, positions) };
}
