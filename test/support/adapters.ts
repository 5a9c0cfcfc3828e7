/** Adapters made by hand: given changes of a network's weights. */
import { asFloat32, type Network } from '../../src/nn/index.js';
import {
  type Adapter,
  type AdapterDType,
  changedKeys,
  createOptimizer,
  fingerprint,
  METHODS,
  packDeltas,
  positionsBelow,
  type WeightDelta,
} from '../../src/peft/index.js';
import { Random, toFloat32 } from '../../src/tensor/index.js';

/** All changes that an adapter makes at scale 1 of a network with its base weights. */
export function changesOf(adapter: Adapter, network: Network): WeightDelta[] {
  return changedKeys([{ adapter }], network).map(
    (key) => METHODS[adapter.method].delta(adapter, key, asFloat32(network.parameters.get(key)!))!,
  );
}

/** An adapter that changes the given weights everywhere. */
export function fullAdapter(
  network: Network,
  changes: ReadonlyMap<string, Float32Array>,
  dtype: AdapterDType = 'float32',
): Adapter {
  const deltas = [...changes].map(([key, values]) => ({
    key,
    shape: network.parameters.get(key)!.shape,
    positions: undefined,
    values,
  }));
  return {
    method: 'full',
    base: { network: network.name, model: 'base', fingerprint: fingerprint(network) },
    prefix: '',
    settings: {},
    ...packDeltas(
      () => deltas,
      () => false,
      dtype,
    ),
  };
}

/** A LoRA or DoRA with normal numbers in its factors, also in B, in linear layers and convolutions. */
export function drawnLora(method: 'lora' | 'dora', network: Network): Adapter {
  const options = { rank: 2, alpha: 3, targetModules: ['attention-conv'] };
  const adapter = createOptimizer(method, network, options).adapter({ dtype: 'float32' });
  for (const [key, { data }] of adapter.tensors) {
    if (key.endsWith('.alpha')) continue;
    const noise = new Random(1, key).normal(data.length);
    for (const [i, value] of noise.entries()) (data as Float32Array)[i]! += 0.1 * value;
  }
  return adapter;
}

/** An adapter of SaRA with normal changes of the entries below the threshold. */
export function saraAdapter(
  network: Network,
  threshold: number,
  { seed = 1, size = 0.01, dtype = 'float32' as AdapterDType } = {},
): Adapter {
  const deltas = [...network.parameters].map(([key, weight]) => {
    const positions = positionsBelow(toFloat32(weight), threshold);
    const values = new Random(seed, key).normal(positions.length).map((value) => size * value);
    return { key, shape: weight.shape, positions, values };
  });
  return {
    method: 'sara',
    base: { network: network.name, model: 'base', fingerprint: fingerprint(network) },
    threshold,
    prefix: '',
    settings: {},
    ...packDeltas(
      () => deltas,
      () => true,
      dtype,
    ),
  };
}
