/** Adapter files: what they hold and cost, files that lie, and several adapters on one network. */
import { readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { InputError } from '../../src/errors.js';
import { readSafetensors, writeSafetensors } from '../../src/formats/index.js';
import { float32Array, type Network } from '../../src/nn/index.js';
import { decodePositions, encodePositions } from '../../src/peft/adapter/positions.js';
import {
  AdamWSara,
  type Adapter,
  applyAdapters,
  createOptimizer,
  fingerprint,
  loadAdapter,
  mergeAdapters,
  positionsBelow,
  saveAdapter,
} from '../../src/peft/index.js';
import { Random, type Tensor, tensor, tensorOf, toFloat32 } from '../../src/tensor/index.js';
import { expectAllclose } from '../support/allclose.js';
import { temporaryFolder } from '../support/temporary.js';
import { bitsOf, toyNetwork } from '../support/toy-network.js';

/** A SaRA adapter whose changes are random, with the network trained. */
async function learned(threshold = 0.1, seed = 1) {
  const network = toyNetwork();
  const optimizer = new AdamWSara(network, { threshold, lambdaRank: 0, learningRate: 1e-2 });
  const gradients = optimizer.tensors.map(
    ({ name, mean }) => [name, new Random(seed, name).normal(mean.length)] as const,
  );
  await optimizer.update(new Map(gradients));
  const adapter = optimizer.adapter({ model: 'models/toy', dtype: 'float32' });
  return { network, optimizer, adapter };
}

const dataOf = float32Array;

describe('a file', () => {
  it('costs two bytes for each entry that SaRA trains, and no bytes for where they are', async () => {
    const [side, count] = [300, 5000];
    const data = new Random(1, 'large').normal(side * side);
    const network = {
      name: 'net',
      config: undefined,
      parameters: new Map([['w', tensor([side, side], data)]]),
    };
    const optimizer = new AdamWSara(network, { targetParameters: count, lambdaRank: 0 });
    await optimizer.update(new Map([['net.w', new Random(2, 'gradient').normal(count)]]));
    const path = join(await temporaryFolder(), 'adapter.safetensors');
    await optimizer.save(path);
    const { size } = await stat(path);
    expect(size).toBeGreaterThan(2 * count);
    expect(size).toBeLessThan(2 * count + 1000);
  });

  it('says in its metadata what it is', async () => {
    const { optimizer } = await learned();
    const path = join(await temporaryFolder(), 'adapter.safetensors');
    await optimizer.save(path, { model: 'models/toy', prefix: 'a, ', settings: { steps: 1 } });
    const { metadata, tensors } = await readSafetensors(path);
    expect(metadata).toEqual({
      format: 'sara-diffusion adapter',
      format_version: '1',
      method: 'sara',
      base_network: 'toy',
      base_model: 'models/toy',
      base_fingerprint: fingerprint(toyNetwork()),
      threshold: '0.1',
      scale: expect.stringMatching(/^[\d.e-]+$/),
      prefix: 'a, ',
      settings: '{"steps":1}',
    });
    const names = optimizer.tensors
      .filter(({ selected }) => selected!.length > 0)
      .map(({ key }) => `delta.${key}`);
    expect([...tensors.keys()].sort()).toEqual(names.sort());
  });

  it('keeps changes of any size to 11 bits', async () => {
    for (const factor of [1, 1e-7, 1e-20, 1e4]) {
      const { network, optimizer } = await learned();
      for (const { values, selected, base } of optimizer.tensors)
        selected!.forEach((at, i) => {
          values[at] = base![i]! + factor * values[at]!;
        });
      const exact = optimizer.adapter({ dtype: 'float32' });
      const half = optimizer.adapter();
      for (const [name, stored] of half.tensors) {
        const values = Float64Array.from(toFloat32(stored), (value) => value * half.scale);
        expectAllclose(values, toFloat32(exact.tensors.get(name)!), { rtol: 2 ** -11, atol: 0 });
      }
      expect(network.name).toBe('toy');
    }
  });
});

describe('positions', () => {
  it('are the same after encoding and decoding', () => {
    const ascending = fc
      .uniqueArray(fc.nat(3_000_000), { maxLength: 50 })
      .map((all) => all.sort((a, b) => a - b));
    fc.assert(
      fc.property(ascending, (all) => {
        const positions = Int32Array.from(all);
        expect(decodePositions(encodePositions(positions), positions.length, 3_000_001)).toEqual(positions);
      }),
    );
  });

  it('cost a byte each where gaps are below 128', () => {
    expect(encodePositions(Int32Array.of(0, 128, 255, 383)).length).toBe(4);
    expect(encodePositions(Int32Array.of(128, 257)).length).toBe(4);
  });

  it.each([
    ['too few', [1, 1], 3, 10, 'lists 2 positions for 3'],
    ['cut within a number', [0x80], 1, 10, 'lists 0 positions for 1'],
    ['too many', [1, 1, 1], 2, 10, 'more positions'],
    ['beyond the weight', [9, 0], 2, 10, 'position 10'],
    ['absurdly large', [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f], 1, 10, 'position'],
  ])('that are %s are refused', (_, bytes, count, size, message) => {
    expect(() => decodePositions(Uint8Array.from(bytes), count, size)).toThrow(message);
    expect(() => decodePositions(Uint8Array.from(bytes), count, size)).toThrow(InputError);
  });
});

describe('a file that lies is refused with a sentence', () => {
  const change = (tensors: Record<string, Tensor | undefined>) => (adapter: Adapter) => ({
    ...adapter,
    tensors: new Map(
      Object.entries({ ...Object.fromEntries(adapter.tensors), ...tensors }).filter(
        (entry): entry is [string, Tensor] => entry[1] !== undefined,
      ),
    ),
  });

  it.each<[string, (adapter: Adapter) => Adapter, RegExp]>([
    [
      'a weight that the network lacks',
      change({ 'delta.other': tensor([1], Float32Array.of(1)) }),
      /"delta.other", which belongs to no weight/,
    ],
    [
      'a tensor of no known kind',
      change({ 'hidden.weight': tensor([1], Float32Array.of(1)) }),
      /belongs to no weight/,
    ],
    [
      'too few changes',
      change({ 'delta.hidden.weight': tensor([1], Float32Array.of(1)) }),
      /1 changes but the weight \d+ entries below 0.1/,
    ],
    [
      'changes of another type',
      change({ 'delta.hidden.weight': tensorOf('int32', [1], Int32Array.of(1)) }),
      /int32, expected float16/,
    ],
    [
      'positions of another type',
      change({ 'positions.hidden.weight': tensor([1], Float32Array.of(1)) }),
      /float32, expected uint8/,
    ],
    [
      'positions without changes',
      change({ 'positions.none': tensorOf('uint8', [1], Uint8Array.of(1)) }),
      /belongs to no weight/,
    ],
    ['a threshold that is not its own', (adapter) => ({ ...adapter, threshold: 0.2 }), /entries below 0.2/],
    [
      'no threshold',
      (adapter) => ({ ...adapter, threshold: undefined }),
      /its changes are \[\d+\] but the weight is \[\d+(,\d+)?\]/,
    ],
    [
      'a change that is not finite',
      (adapter) =>
        change({
          'delta.hidden.weight': tensor(
            adapter.tensors.get('delta.hidden.weight')!.shape,
            toFloat32(adapter.tensors.get('delta.hidden.weight')!).map(() => Number.NaN),
          ),
        })(adapter),
      /a change is NaN/,
    ],
  ])('%s', async (_, alter, message) => {
    const { adapter } = await learned();
    const path = join(await temporaryFolder(), 'adapter.safetensors');
    await saveAdapter(path, alter(adapter));
    const base = toyNetwork();
    const bits = bitsOf(base);
    const loaded = await loadAdapter(path);
    expect(() => applyAdapters(base, [{ adapter: loaded }])).toThrow(InputError);
    expect(() => applyAdapters(base, [{ adapter: loaded }])).toThrow(message);
    expect(() => applyAdapters(base, [{ adapter: loaded }])).toThrow(path);
    expect(bitsOf(base)).toEqual(bits);
  });

  it.each<[string, Record<string, string>, RegExp]>([
    ['another format', { format: 'pt' }, /is no adapter of this program/],
    ['another version', { format_version: '2' }, /format 2, expected 1; update/],
    [
      'an unknown method',
      { method: 'magic' },
      /"method" is not valid \(expected one of full, sara, .+, got magic\)/,
    ],
    ['a threshold in words', { threshold: 'small' }, /"threshold" is not valid/],
    ['a scale of zero', { scale: '0' }, /"scale" is not valid/],
    ['no digest', { base_fingerprint: 'sha256:12' }, /"base_fingerprint" is not valid/],
    ['settings that are no object', { settings: '[1]' }, /"settings" is not valid/],
    ['settings that are no JSON', { settings: '{' }, /"settings" is not valid/],
  ])('%s', async (_, metadata, message) => {
    const { optimizer } = await learned();
    const path = join(await temporaryFolder(), 'adapter.safetensors');
    await optimizer.save(path);
    const file = await readSafetensors(path);
    await writeSafetensors(path, file.tensors, { ...file.metadata, ...metadata });
    await expect(loadAdapter(path)).rejects.toThrow(InputError);
    await expect(loadAdapter(path)).rejects.toThrow(message);
  });

  it('cut short', async () => {
    const { optimizer } = await learned();
    const path = join(await temporaryFolder(), 'adapter.safetensors');
    await optimizer.save(path);
    const bytes = await readFile(path);
    for (const length of [0, 5, 100, bytes.length - 1]) {
      await writeFile(path, bytes.subarray(0, length));
      await expect(loadAdapter(path)).rejects.toThrow(InputError);
    }
  });
});

describe('the fingerprint', () => {
  it('depends on keys, shapes and values, not on their order or on the name of the network', () => {
    const network = toyNetwork();
    const other = (parameters: Network['parameters']) => fingerprint({ ...network, name: 'x', parameters });
    const entries = [...network.parameters];
    expect(other(new Map(entries.toReversed()))).toBe(fingerprint(network));
    const [key, { shape }] = entries[0]!;
    const data = float32Array(network, key);
    const replaced = (name: string, value: Tensor<'float32'>) =>
      other(new Map([[name, value], ...entries.slice(1)]));
    const changed = data.slice();
    changed[1] = 0;
    expect(Object.is(data[1], -0)).toBe(true);
    const all = [
      fingerprint(network),
      replaced('renamed', tensor(shape, data)),
      replaced(key, tensor([shape[1]!, shape[0]!], data)),
      replaced(key, tensor(shape, changed)),
    ];
    expect(new Set(all).size).toBe(4);
  });

  it('is that of the base, also after training', async () => {
    const { adapter, network } = await learned();
    expect(adapter.base.fingerprint).toBe(fingerprint(toyNetwork()));
    expect(adapter.base.fingerprint).not.toBe(fingerprint(network));
  });
});

describe('several adapters', () => {
  it('add their changes, each by its scale, also of different thresholds', async () => {
    const [small, large] = [await learned(0.05, 1), await learned(0.2, 2)];
    const base = toyNetwork();
    const applied = applyAdapters(base, [
      { adapter: small.adapter, scale: 0.6 },
      { adapter: large.adapter, scale: -1.5 },
    ]);
    for (const [key, { data }] of toyNetwork().parameters) {
      const delta = (network: Network) => dataOf(network, key).map((value, i) => value - data[i]!);
      const [one, two] = [delta(small.network), delta(large.network)];
      expectAllclose(
        dataOf(base, key),
        data.map((value, i) => value + 0.6 * one[i]! - 1.5 * two[i]!),
      );
    }
    applied.setScales([0, 1]);
    for (const key of base.parameters.keys()) expectAllclose(dataOf(base, key), dataOf(large.network, key));
    applied.remove();
    expect(bitsOf(base)).toEqual(bitsOf(toyNetwork()));
    expect(() => applied.setScales([1])).toThrow('expected 2 finite scales');
    expect(() => applied.setScales([1, Number.NaN])).toThrow(InputError);
  });

  it('of SaRA merge into one of SaRA, whose positions the larger threshold still tells', async () => {
    const uses = [
      { adapter: (await learned(0.05, 1)).adapter, scale: 0.6 },
      { adapter: (await learned(0.2, 2)).adapter, scale: 0.6 },
    ];
    const merged = mergeAdapters(toyNetwork(), uses, { dtype: 'float32' });
    expect(merged.method).toBe('sara');
    expect(merged.threshold).toBe(0.2);
    expect([...merged.tensors.keys()].filter((name) => name.startsWith('positions.'))).toEqual([]);
    const [together, one] = [toyNetwork(), toyNetwork()];
    applyAdapters(together, uses);
    applyAdapters(one, [{ adapter: merged }]);
    for (const key of one.parameters.keys()) expectAllclose(dataOf(one, key), dataOf(together, key));
  });

  it('list their positions where the threshold does not tell them', async () => {
    const part = async (threshold: number, only: string) => {
      const optimizer = new AdamWSara(toyNetwork(), {
        threshold,
        lambdaRank: 0,
        learningRate: 1e-2,
        parameters: (key) => key.startsWith(only),
      });
      await optimizer.update(
        new Map(optimizer.tensors.map(({ name, mean }) => [name, new Float32Array(mean.length).fill(1)])),
      );
      return { adapter: optimizer.adapter({ prefix: `${only}, `, dtype: 'float32' }) };
    };
    const uses = [await part(0.05, 'hidden'), await part(0.2, 'out')];
    const merged = mergeAdapters(toyNetwork(), uses, { dtype: 'float32' });
    const listed = [...merged.tensors.keys()].filter((name) => name.startsWith('positions.'));
    expect(listed.length).toBeGreaterThan(0);
    expect(listed.every((name) => name.startsWith('positions.hidden'))).toBe(true);
    expect(merged.prefix).toBe('');

    const path = join(await temporaryFolder(), 'merged.safetensors');
    await saveAdapter(path, merged);
    const [together, one] = [toyNetwork(), toyNetwork()];
    applyAdapters(together, uses);
    applyAdapters(one, [{ adapter: await loadAdapter(path) }]);
    for (const key of one.parameters.keys()) expectAllclose(dataOf(one, key), dataOf(together, key));
    expect(positionsBelow(dataOf(toyNetwork(), 'hidden.weight'), 0.05).length).toBe(
      merged.tensors.get('delta.hidden.weight')!.shape[0],
    );
  });

  it('of unlike methods merge into changes of all entries', async () => {
    const network = toyNetwork();
    const full = createOptimizer('full', network, { learningRate: 1e-2 });
    const ones = [...network.parameters].map(
      ([key, { data }]) => [`toy.${key}`, new Float32Array(data.length).fill(1)] as const,
    );
    await full.update(new Map(ones));
    const uses = [
      { adapter: full.adapter({ dtype: 'float32' }), scale: 0.5 },
      { adapter: (await learned()).adapter },
    ];
    const merged = mergeAdapters(toyNetwork(), uses, { dtype: 'float32' });
    expect([merged.method, merged.threshold]).toEqual(['full', undefined]);
    const [together, one] = [toyNetwork(), toyNetwork()];
    applyAdapters(together, uses);
    applyAdapters(one, [{ adapter: merged }]);
    for (const key of one.parameters.keys()) expectAllclose(dataOf(one, key), dataOf(together, key));
  });

  it('cannot be none', () => {
    expect(() => mergeAdapters(toyNetwork(), [])).toThrow('name at least one adapter');
  });
});
