/** Adapters on a network in memory: whatever is put on, scaled, exchanged and removed, weights are the base plus the changes. */
import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { InputError } from '../../src/errors.js';
import type { Network } from '../../src/nn/index.js';
import {
  type Adapter,
  type AdapterDType,
  type AdapterUse,
  applyAdapters,
  fingerprint,
  packDeltas,
  positionsBelow,
} from '../../src/peft/index.js';
import { Random, tensor } from '../../src/tensor/index.js';
import { changesOf } from '../support/adapters.js';
import { bitsOf as allBits } from '../support/toy-network.js';

/** Digests of the bits of all weights. */
function bitsOf(net: Network): string[] {
  return Object.entries(allBits(net)).map(
    ([key, bits]) => `${key} ${createHash('sha1').update(bits).digest('hex')}`,
  );
}

/** Of several blocks of entries, the last one not full. */
const LARGE = [210, 1001] as const;

function network(): Network {
  const weight = (key: string, shape: readonly number[]) => {
    const data = new Random(1, key).normal(shape.reduce((product, side) => product * side, 1));
    data.set([0, -0, 1e-3]);
    return [key, tensor(shape, data)] as const;
  };
  const parameters = new Map([weight('large', LARGE), weight('small', [5]), weight('other', [3, 40])]);
  return { name: 'net', config: undefined, parameters };
}

interface Kind {
  readonly seed: number;
  readonly dtype: AdapterDType;
  /** Of SaRA's; all entries change where there is none. */
  readonly threshold?: number;
  readonly listed?: boolean;
  readonly keys?: readonly string[];
}

function adapterOf({
  seed,
  dtype,
  threshold,
  listed = false,
  keys = ['large', 'small', 'other'],
}: Kind): Adapter {
  const base = network();
  const deltas = keys.map((key) => {
    const { shape, data } = base.parameters.get(key)!;
    const values = data as Float32Array;
    const positions = threshold === undefined ? undefined : positionsBelow(values, threshold);
    const count = positions?.length ?? values.length;
    return { key, shape, positions, values: new Random(seed, key).normal(count).map((value) => 0.1 * value) };
  });
  return {
    method: threshold === undefined ? 'full' : 'sara',
    base: { network: 'net', model: 'models/net', fingerprint: fingerprint(base) },
    threshold: listed ? undefined : threshold,
    prefix: '',
    settings: {},
    ...packDeltas(
      () => deltas,
      () => !listed,
      dtype,
    ),
  };
}

const ADAPTERS = {
  small: adapterOf({ seed: 1, dtype: 'float16', threshold: 0.1 }),
  sameEntries: adapterOf({ seed: 2, dtype: 'float16', threshold: 0.1 }),
  sameInFloat32: adapterOf({ seed: 3, dtype: 'float32', threshold: 0.1 }),
  large: adapterOf({ seed: 4, dtype: 'float16', threshold: 0.5 }),
  partial: adapterOf({ seed: 5, dtype: 'float16', threshold: 0.1, keys: ['large'] }),
  listed: adapterOf({ seed: 6, dtype: 'float16', threshold: 0.3, listed: true }),
  listedAgain: adapterOf({ seed: 7, dtype: 'float32', threshold: 0.3, listed: true }),
  all: adapterOf({ seed: 8, dtype: 'float16' }),
  allInFloat32: adapterOf({ seed: 9, dtype: 'float32', keys: ['small', 'other'] }),
} satisfies Record<string, Adapter>;

/** P₀ + α₁Δ₁ + α₂Δ₂ + …, rounded to float32 after every operation. */
function expectedBits(uses: readonly AdapterUse[]): string[] {
  const base = network();
  const result = network();
  for (const { adapter, scale = 1 } of uses) {
    if (scale === 0) continue;
    for (const { key, positions, values } of changesOf(adapter, base)) {
      const weights = result.parameters.get(key)!.data as Float32Array;
      values.forEach((value, i) => {
        const at = positions ? positions[i]! : i;
        weights[at] = weights[at]! + Math.fround(Math.fround(scale) * value);
      });
    }
  }
  return bitsOf(result);
}

/** So many of the adapters, in any order, with scales of which some are 0. */
function draw(random: Random, count: number): AdapterUse[] {
  const all = Object.values(ADAPTERS);
  return Array.from({ length: count }, () => ({
    adapter: all[random.integer(0, all.length)]!,
    scale: [1, 0, -0.7, 0.3][random.integer(0, 4)]!,
  }));
}

describe('applied adapters', () => {
  it.each(Object.entries(ADAPTERS))('"%s" is added bit for bit, and removed', (_, adapter) => {
    const net = network();
    const applied = applyAdapters(net, [{ adapter, scale: 0.7 }]);
    expect(bitsOf(net)).toEqual(expectedBits([{ adapter, scale: 0.7 }]));
    applied.setScales([-1]);
    expect(bitsOf(net)).toEqual(expectedBits([{ adapter, scale: -1 }]));
    applied.remove();
    expect(bitsOf(net)).toEqual(bitsOf(network()));
  });

  it.each([1, 2, 3, 4])('are what the last call says, whatever came before (walk %i)', (seed) => {
    const random = new Random(seed, 'walk');
    const net = network();
    const applied = applyAdapters(net, draw(random, 2));
    for (let step = 0; step < 12; step++) {
      const action = random.integer(0, 4);
      if (action === 0) applied.remove();
      else if (action === 1) applied.setScales(applied.uses.map(() => random.integer(-2, 3) / 2));
      else applied.replace(draw(random, random.integer(0, 4)));
      expect(bitsOf(net)).toEqual(action === 0 ? bitsOf(network()) : expectedBits(applied.uses));
    }
  });

  it('stay as they are where one of others does not fit', () => {
    const net = network();
    const uses = [{ adapter: ADAPTERS.small, scale: 0.5 }, { adapter: ADAPTERS.listed }];
    const applied = applyAdapters(net, uses);
    const broken = { ...ADAPTERS.large, threshold: 0.4 };
    expect(() => applied.replace([{ adapter: ADAPTERS.all }, { adapter: broken }])).toThrow(InputError);
    expect(bitsOf(net)).toEqual(expectedBits(uses));
    applied.setScales([1, 1]);
    expect(bitsOf(net)).toEqual(expectedBits(uses.map(({ adapter }) => ({ adapter }))));

    applied.remove();
    expect(() => applied.replace([{ adapter: broken }])).toThrow('entries below 0.4');
    expect(bitsOf(net)).toEqual(bitsOf(network()));
    expect(() => applied.replace([{ adapter: ADAPTERS.all, scale: Number.NaN }])).toThrow('1 finite scales');
  });

  it('take the fingerprint that the caller knows', () => {
    const use = { adapter: ADAPTERS.small };
    const known = fingerprint(network());
    const net = network();
    applyAdapters(net, [use], { fingerprint: known });
    expect(bitsOf(net)).toEqual(expectedBits([use]));
    const wrong = { fingerprint: `sha256:${'0'.repeat(64)}`, model: 'models/other' };
    expect(() => applyAdapters(network(), [use], wrong)).toThrow(
      /not from the net of models\/other \(sha256:0000/,
    );
  });
});
