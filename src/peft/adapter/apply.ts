/** Putting adapters on a network and taking them off again. */
import { InputError } from '../../errors.js';
import { float32Array, type Network } from '../../nn/index.js';
import { METHODS } from '../methods.js';
import { gather } from '../selection.js';
import { type Adapter, nameOf } from './adapter.js';
import type { WeightDelta } from './deltas.js';
import { fingerprint, shortFingerprint } from './fingerprint.js';

export interface AdapterUse {
  readonly adapter: Adapter;
  /** α: the factor on its changes; 1 unless said. */
  readonly scale?: number;
}

/** Adapters on a network: P₀ + Σ αᵢ ΔPᵢ (paper appendix Eqs. 2–3), written into the network's own arrays. */
export class AppliedAdapters {
  private readonly patches: readonly (readonly Patch[])[];

  /** Use `applyAdapters`. */
  constructor(network: Network, uses: readonly AdapterUse[]) {
    this.patches = uses.map(({ adapter }) =>
      METHODS[adapter.method].deltas(adapter, network).map((delta) => new Patch(network, delta)),
    );
    this.setScales(uses.map(({ scale = 1 }) => scale));
  }

  /** Applies other scales, one for each adapter, at the cost of writing the changed entries. */
  setScales(scales: readonly number[]): void {
    if (scales.length !== this.patches.length || !scales.every(Number.isFinite)) {
      throw new InputError(`expected ${this.patches.length} finite scales, got ${scales.join(', ')}`);
    }
    this.remove();
    scales.forEach((scale, i) => {
      if (scale !== 0) for (const patch of this.patches[i]!) patch.add(scale);
    });
  }

  /** Puts the base weights back, bit for bit. */
  remove(): void {
    for (const patch of this.patches.flat()) patch.restore();
  }
}

/** The changes of one weight by one adapter, and what they change. */
class Patch {
  private readonly weights: Float32Array;
  private readonly base: Float32Array;

  constructor(
    network: Network,
    private readonly delta: WeightDelta,
  ) {
    this.weights = float32Array(network, delta.key);
    this.base = delta.positions ? gather(this.weights, delta.positions) : this.weights.slice();
  }

  add(scale: number): void {
    addDelta(this.weights, this.delta, scale);
  }

  restore(): void {
    const { weights, base } = this;
    const { positions } = this.delta;
    if (!positions) weights.set(base);
    else for (let i = 0; i < base.length; i++) weights[positions[i]!] = base[i]!;
  }
}

/** w ← w + αΔ, with α, the product and the sum rounded to float32 as tensor libraries do. */
export function addDelta(weights: Float32Array, { positions, values }: WeightDelta, scale: number): void {
  const alpha = Math.fround(scale);
  for (let i = 0; i < values.length; i++)
    weights[positions ? positions[i]! : i]! += Math.fround(alpha * values[i]!);
}

/**
 * Adds adapters to a network's weights. Throws InputError where one was made from other weights; `model` names the
 * network's model in that message.
 */
export function applyAdapters(
  network: Network,
  uses: readonly AdapterUse[],
  { model = network.name }: { model?: string } = {},
): AppliedAdapters {
  checkBase(network, uses, model);
  return new AppliedAdapters(network, uses);
}

/** Throws InputError unless the network's weights are those that every adapter was made from. */
export function checkBase(network: Network, uses: readonly AdapterUse[], model: string): void {
  if (uses.length > 0) checkFingerprint(network.name, fingerprint(network), uses, model);
}

/** The same for a network whose fingerprint is known. */
export function checkFingerprint(
  network: string,
  found: string,
  uses: readonly AdapterUse[],
  model: string,
): void {
  for (const { adapter } of uses) {
    const { base } = adapter;
    if (base.network === network && base.fingerprint === found) continue;
    throw new InputError(
      `${nameOf(adapter)} was made from the ${base.network} of ${base.model} (${shortFingerprint(base.fingerprint)}), not from the ${network} of ${model} (${shortFingerprint(found)}); name the model it belongs to, without other adapters on it`,
    );
  }
}
