/** Putting adapters on a network and taking them off again. */
import { InputError } from '../../errors.js';
import { type Adaptation, float32Array, type Network } from '../../nn/index.js';
import { tensor } from '../../tensor/index.js';
import { METHODS } from '../methods.js';
import { type Adapter, nameOf } from './adapter.js';
import { naming, type StoredDelta, storedDelta, type WeightDelta } from './deltas.js';
import { Entries, halfProducts, type ScaledChange } from './entries.js';
import { fingerprint, shortFingerprint } from './fingerprint.js';
import { encodePositions } from './positions.js';

export interface AdapterUse {
  readonly adapter: Adapter;
  /** α: the factor on its changes; 1 unless said. */
  readonly scale?: number;
}

/**
 * Adapters on a network: P₀ + Σ αᵢ ΔPᵢ (paper appendix Eqs. 2–3), written into the network's own arrays. What is written
 * over is kept, so that every change costs one pass over the changed entries. The weights are this object's to change:
 * nothing else may train or change them between its calls. Adapters that change layers become adaptations of the network.
 */
export class AppliedAdapters {
  private current: readonly AdapterUse[] = [];
  /** By the key of their weight. */
  private layers: ReadonlyMap<string, Layer> = new Map();
  /** Whether they are in the weights now. */
  private on = false;
  /** What adapted the network before. */
  private readonly adaptations: Network['adaptations'];

  /** Use `applyAdapters`. */
  constructor(
    private readonly network: Network,
    private readonly model: string,
    private base: string | undefined,
  ) {
    this.adaptations = network.adaptations;
  }

  /** The adapters with their scales. */
  get uses(): readonly AdapterUse[] {
    return this.current;
  }

  /** Applies other scales, one for each adapter. */
  setScales(scales: readonly number[]): void {
    expectScales(scales, this.current.length);
    this.current = this.current.map((use, i) => ({ ...use, scale: scales[i]! }));
    this.write();
  }

  /**
   * Exchanges the adapters for others. Entries that those of both change, as adapters of one threshold do, need not be
   * looked for again. Throws InputError where an adapter does not fit, and leaves everything as it was.
   */
  replace(uses: readonly AdapterUse[]): void {
    const { network, model } = this;
    expectScales(
      uses.map(({ scale = 1 }) => scale),
      uses.length,
    );
    if (uses.length > 0) {
      this.base ??= fingerprint(network);
      checkFingerprint(network.name, this.base, uses, model);
    }
    const before = this.layers;
    const layers = new Map<string, Layer>();
    adaptationsOf(uses, network);
    try {
      for (const key of changedKeys(uses, network))
        layers.set(key, Layer.of(network, key, uses, before.get(key)));
    } catch (error) {
      if (this.on) this.write();
      throw error;
    }
    for (const [key, layer] of before) layer.restore(layers.get(key));
    this.layers = layers;
    this.current = uses;
    this.write();
  }

  /** Puts the base weights back, bit for bit. `setScales` and `replace` put adapters on them again. */
  remove(): void {
    for (const layer of this.layers.values()) layer.restore();
    this.adapt([]);
    this.on = false;
  }

  private write(): void {
    const scalers = this.current.map(scalerOf);
    for (const layer of this.layers.values()) layer.write(scalers);
    this.adapt(adaptationsOf(this.current, this.network));
    this.on = true;
  }

  private adapt(added: readonly Adaptation[]): void {
    const { network, adaptations } = this;
    network.adaptations = added.length > 0 ? [...(adaptations ?? []), ...added] : adaptations;
  }
}

/** Those of the adapters that change layers. Throws InputError where one does not fit the network. */
function adaptationsOf(uses: readonly AdapterUse[], network: Network): Adaptation[] {
  return uses.flatMap(({ adapter, scale = 1 }, i) => {
    const use = { name: `${network.name}.adapter ${i}`, scale };
    const adaptation = scale === 0 ? undefined : METHODS[adapter.method].adaptation?.(adapter, network, use);
    return adaptation ? [adaptation] : [];
  });
}

/** One weight and what adapters change of it. */
class Layer {
  private readonly entries: readonly Entries[];

  private constructor(private readonly parts: readonly Part[]) {
    this.entries = [...new Set(parts.map(({ entries }) => entries))];
  }

  /** `before` is what adapters changed of the weight so far; where that does not tell the entries, it is taken off. */
  static of(network: Network, key: string, uses: readonly AdapterUse[], before: Layer | undefined): Layer {
    const weights = float32Array(network, key);
    const { shape } = network.parameters.get(key)!;
    const known = before ? [...before.parts] : [];
    const parts = uses.flatMap(({ adapter }, use) => {
      let stored = storedDelta(adapter, key, shape);
      if (!stored) {
        before?.restore();
        stored = computedDelta(METHODS[adapter.method].delta(adapter, key, tensor(shape, weights)));
      }
      if (!stored) return [];
      let entries = known.find((part) => changeSameEntries(part.stored, stored))?.entries;
      if (!entries) {
        before?.restore();
        entries = naming(adapter, key, () => Entries.of(weights, stored));
      }
      const part = { use, stored, entries };
      known.push(part);
      return [part];
    });
    return new Layer(parts);
  }

  /** Puts base values back, except where another layer is about to be written. */
  restore(next?: Layer): void {
    for (const entries of this.entries) {
      if (next?.entries.includes(entries)) continue;
      for (let block = 0; block < entries.blocks; block++) entries.restore(block);
    }
  }

  /** Base values plus the changes of the adapters that have a scaler, in their order. */
  write(scalers: readonly (Scaler | undefined)[]): void {
    const changes = this.parts.flatMap(({ use, stored, entries }) => {
      const change = scalers[use]?.(stored.changes);
      return change ? [{ entries, change }] : [];
    });
    const [only, ...more] = this.entries;
    const [first, ...others] = changes;
    for (let block = 0; block < only!.blocks; block++) {
      if (first && more.length === 0) {
        only!.set(block, first.change);
        for (const { entries, change } of others) entries.add(block, change);
      } else {
        for (const entries of this.entries) entries.restore(block);
        for (const { entries, change } of changes) entries.add(block, change);
      }
    }
  }
}

/** A change that the adapter does not hold as such. */
function computedDelta(delta: WeightDelta | undefined): StoredDelta | undefined {
  if (!delta) return undefined;
  const { positions, values } = delta;
  const entries = positions ? { listed: encodePositions(positions) } : ('all' as const);
  return { changes: values, factor: 1, entries };
}

interface Part {
  /** Which of the adapters. */
  readonly use: number;
  readonly stored: StoredDelta;
  readonly entries: Entries;
}

function changeSameEntries(a: StoredDelta, b: StoredDelta): boolean {
  if (a.changes.length !== b.changes.length) return false;
  if (a.entries === 'all' || b.entries === 'all') return a.entries === b.entries;
  if ('listed' in a.entries)
    return 'listed' in b.entries && Buffer.compare(a.entries.listed, b.entries.listed) === 0;
  return 'below' in b.entries && a.entries.below === b.entries.below;
}

/** Changes of an adapter times its scale. */
type Scaler = (changes: StoredDelta['changes']) => ScaledChange;

function scalerOf({ adapter, scale = 1 }: AdapterUse): Scaler | undefined {
  if (scale === 0) return undefined;
  let products: Float32Array | undefined;
  return (changes) => {
    if (changes instanceof Float32Array) return { changes, factor: adapter.scale, alpha: scale };
    products ??= halfProducts(adapter.scale, scale);
    return { changes, products };
  };
}

function expectScales(scales: readonly number[], count: number): void {
  if (scales.length === count && scales.every(Number.isFinite)) return;
  throw new InputError(`expected ${count} finite scales, got ${scales.join(', ')}`);
}

/** w ← w + αΔ, with α, the product and the sum rounded to float32 as tensor libraries do. */
export function addDelta(weights: Float32Array, { positions, values }: WeightDelta, scale: number): void {
  const alpha = Math.fround(scale);
  for (let i = 0; i < values.length; i++)
    weights[positions ? positions[i]! : i]! += Math.fround(alpha * values[i]!);
}

/** What a caller of `applyAdapters` knows of the network. */
export interface ApplyOptions {
  /** The network's model, for messages. */
  model?: string | undefined;
  /** `fingerprint(network)`, where it is known: finding it out reads all weights. */
  fingerprint?: string | undefined;
}

/** Adds adapters to a network's weights. Throws InputError where one was made from other weights. */
export function applyAdapters(
  network: Network,
  uses: readonly AdapterUse[],
  { model = network.name, fingerprint: base }: ApplyOptions = {},
): AppliedAdapters {
  const applied = new AppliedAdapters(network, model, base);
  applied.replace(uses);
  return applied;
}

/** The weights that any of the adapters changes. Throws InputError where the network lacks one of them. */
export function changedKeys(
  uses: readonly AdapterUse[],
  network: { name: string; parameters: { has(key: string): boolean } },
): string[] {
  return [...new Set(uses.flatMap(({ adapter }) => METHODS[adapter.method].changedKeys(adapter, network)))];
}

/** Throws InputError where one of the adapters changes layers and not weights, and so has no part in weights. */
export function expectWeightChanges(uses: readonly AdapterUse[]): void {
  for (const { adapter } of uses) {
    if (!METHODS[adapter.method].adaptation) continue;
    throw new InputError(
      `${nameOf(adapter)} is of the method ${adapter.method}, which changes what layers compute and not their weights, so it cannot be merged or exported; apply it with "sara generate --adapter"`,
    );
  }
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
