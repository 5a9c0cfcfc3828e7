/** Adapters on weights that are read one at a time, so that a model can be exported without being in memory. */
import { asFloat32, type Network } from '../../nn/index.js';
import { type Tensor, tensor } from '../../tensor/index.js';
import { factorsOfLayer, type ModuleFactors } from '../dora/module-factors.js';
import { joinedFactors } from '../lora/join.js';
import { METHODS } from '../methods.js';
import { type AdapterUse, addDelta, changedKeys, checkFingerprint, expectWeightChanges } from './apply.js';
import type { WeightDelta } from './deltas.js';
import { FingerprintHash, fingerprintOrder } from './fingerprint.js';
import { summedDelta } from './merge.js';

/** The weights of one component by checkpoint key. */
export interface WeightSource {
  /** The component's name, such as `unet`. */
  readonly name: string;
  /** Of every weight, by key. */
  readonly shapes: ReadonlyMap<string, readonly number[]>;
  /** A weight in float32; the array is the caller's to read only. */
  read(key: string): Promise<Tensor<'float32'>>;
}

/** The weights of a network in memory. */
export function networkSource({ name, parameters }: Network): WeightSource {
  return {
    name,
    shapes: new Map([...parameters].map(([key, { shape }]) => [key, shape])),
    read: async (key) => asFloat32(parameters.get(key)!),
  };
}

/** Base weights together with adapters that were made from them; nothing is written into the base. */
export class AdaptedWeights {
  private constructor(
    private readonly source: WeightSource,
    private readonly uses: readonly AdapterUse[],
    /** Keys of the weights that any of the adapters changes. */
    readonly changed: readonly string[],
  ) {}

  /**
   * Reads every weight once to see that they are those the adapters were made from. Throws InputError where they are
   * not, or where one changes layers and not weights; `model` names the network's model in that message.
   */
  static async open(
    source: WeightSource,
    uses: readonly AdapterUse[],
    { model = source.name }: { model?: string } = {},
  ): Promise<AdaptedWeights> {
    const { name, shapes } = source;
    expectWeightChanges(uses);
    if (uses.length > 0) {
      const hash = new FingerprintHash();
      for (const key of fingerprintOrder(shapes.keys())) {
        const { shape, data } = await source.read(key);
        hash.add(key, shape, data);
      }
      checkFingerprint(name, hash.digest(), uses, model);
    }
    const active = uses.filter(({ scale }) => scale !== 0);
    return new AdaptedWeights(source, active, changedKeys(active, { name, parameters: shapes }));
  }

  get shapes(): ReadonlyMap<string, readonly number[]> {
    return this.source.shapes;
  }

  /** Σ αᵢ ΔPᵢ of one of the changed weights. */
  async change(key: string): Promise<WeightDelta> {
    return summedDelta(this.uses, key, await this.source.read(key)) as WeightDelta;
  }

  /** The layers of adapters that are all LoRAs, at any scales, or of a single DoRA at scale 1; undefined else. */
  async factors(): Promise<ModuleFactors[] | undefined> {
    const { uses } = this;
    const loras = uses.length > 0 && uses.every(({ adapter }) => adapter.method === 'lora');
    const dora = uses.length === 1 && uses[0]!.adapter.method === 'dora' && (uses[0]!.scale ?? 1) === 1;
    if (!loras && !dora) return undefined;
    const layers: ModuleFactors[] = [];
    for (const key of this.changed) {
      const module = key.replace(/\.weight$/, '');
      const weight = await this.source.read(key);
      if (dora) layers.push(factorsOfLayer(uses[0]!.adapter, module, weight)!);
      else layers.push({ module, ...joinedFactors(uses, key, weight.shape)!, weight });
    }
    return layers;
  }

  /** P₀ + Σ αᵢ ΔPᵢ of one weight, rounded as `applyAdapters` rounds. */
  async weight(key: string): Promise<Tensor<'float32'>> {
    const base = await this.source.read(key);
    let weight = base;
    for (const { adapter, scale = 1 } of this.uses) {
      const delta = METHODS[adapter.method].delta(adapter, key, base);
      if (!delta) continue;
      if (weight === base) weight = tensor(base.shape, base.data.slice());
      addDelta(weight.data, delta, scale);
    }
    return weight;
  }
}
