/** Files of the official SaRA: read exactly, refused where anything is wrong, written so that they read the same again. */
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { outcomeOf } from '../../golden/kinds.js';
import { InputError } from '../../src/errors.js';
import { readSafetensors, readTorchValue, writeTorch } from '../../src/formats/index.js';
import type { Network } from '../../src/nn/index.js';
import {
  AdamW,
  AdamWSara,
  type Adapter,
  applyAdapters,
  exportOfficialSara,
  importOfficialSara,
  loadAdapter,
  officialPositions,
  packDeltas,
  positionsBelow,
  readOfficialSara,
  saveAdapter,
} from '../../src/peft/index.js';
import {
  bfloatToFloat32,
  float32ToBfloat,
  float32ToHalf,
  halfToFloat32,
  Random,
  type Tensor,
  tensor,
  tensorOf,
  toFloat32,
} from '../../src/tensor/index.js';
import { temporaryFolder } from '../support/temporary.js';
import { bitsOf, toyNetwork } from '../support/toy-network.js';

const REJECT = 'test/fixtures/sara/official-pt/reject';

/** The six weights that the files to refuse were made for. */
async function smallBase(): Promise<Network> {
  const { tensors } = await readSafetensors(join(REJECT, 'base.safetensors'));
  const keys = [
    'conv_in.weight',
    'conv_in.bias',
    'norm.weight',
    'linear.weight',
    'linear.bias',
    'out.weight',
  ];
  const parameters = new Map(keys.map((key) => [key, tensors.get(key) as Tensor<'float32'>]));
  return { name: 'unet', config: undefined, parameters };
}

it('agree with the golden case', async () => {
  const run = outcomeOf('sara/official-pt');
  if (typeof run === 'string') throw new Error(run);
  const checks = await run('test/fixtures/sara/official-pt');
  expect(checks.length).toBeGreaterThan(40);
  expect(checks.filter(({ error, tolerance }) => !(error <= tolerance))).toEqual([]);
});

describe('reading', () => {
  it.each([
    ['evil-os-system.pt', /names "posix\.system"/],
    ['evil-first-key.pt', /names "posix\.system"/],
    ['evil-protocol4.pt', /pickle has protocol 4, expected 2/],
    ['truncated-half.pt', /zip directory is cut short or damaged/],
    ['corrupt-storage.pt', /checksum of its entry "accept\/data\/3" is wrong/],
    [
      'wrong-length-short.pt',
      /tensor 3 \("linear\.weight"\) has 66 values, but 67 entries .* below 0\.02 in float32/,
    ],
    ['wrong-length-long.pt', /tensor 3 \("linear\.weight"\) has 68 values, but 67/],
    ['other-threshold.pt', /has \d+ values, but \d+ entries of that weight are below 0\.01/],
    ['other-base.pt', /name the model it was trained from, without adapters on it/],
    ['missing-key.pt', /as its tensor 4 \("linear\.bias"\), got nothing/],
    ['extra-key.pt', /it has the key "6", expected "threshold" and 0 to 5/],
    ['proto-key.pt', /it has the key "__proto__"/],
    ['no-threshold.pt', /a number above 0 as its "threshold", got none/],
    ['integer-values.pt', /as its tensor 3 \("linear\.weight"\), got int64 \[67\]/],
    ['two-dimensional.pt', /got float32 \[2,33\]/],
    ['list-value.pt', /got no tensor/],
  ])('refuses %s with a sentence', async (name, message) => {
    const refused = importOfficialSara(join(REJECT, name), await smallBase());
    await expect(refused).rejects.toThrow(message);
    await expect(refused).rejects.toBeInstanceOf(InputError);
  });

  it.each<[string, unknown, RegExp]>([
    ['a threshold of 0', new Map<unknown, unknown>([['threshold', 0]]), /above 0 as its "threshold", got 0/],
    ['a threshold that is a text', new Map([['threshold', '1e-3']]), /got something else/],
    ['a list', [1], /it holds no dict/],
    [
      'a negative key',
      new Map<unknown, unknown>([['threshold', 1e-9], [-1, 1], ...vectors(0)]),
      /the key "-1"/,
    ],
    [
      'a fraction as key',
      new Map<unknown, unknown>([['threshold', 1e-9], [0.5, 1], ...vectors(0)]),
      /the key "0.5"/,
    ],
    [
      'two precisions',
      new Map<unknown, unknown>([
        ['threshold', 1e-9],
        ...vectors(0),
        [3, tensorOf('float16', [0], new Uint16Array(0))],
      ]),
      /float32 and float16/,
    ],
    [
      'infinite values',
      new Map<unknown, unknown>([['threshold', 100], ...vectors(Number.POSITIVE_INFINITY)]),
      /tensor 0 \("hidden\.weight"\) has values that are not finite/,
    ],
  ])('refuses %s', async (_, value, message) => {
    const path = join(await temporaryFolder(), 'unet.pt');
    await writeTorch(path, value as never);
    await expect(readOfficialSara(path, toyNetwork())).rejects.toThrow(message);
  });

  /** A toy network's file with the given threshold, all of whose values are 1 more than the base; of no length for 0. */
  function vectors(add: number): [number, Tensor][] {
    return [...toyNetwork().parameters.values()].map(({ data }, i) => {
      const values =
        add === 0
          ? new Float32Array(0)
          : toFloat32({ dtype: 'float32', shape: [data.length], data } as Tensor).map((value) => value + add);
      return [i, tensor([values.length], values)];
    });
  }

  it.each(['float16', 'bfloat16'] as const)(
    'finds the entries of networks in %s as PyTorch compares them',
    async (precision) => {
      const network = toyNetwork();
      // In bfloat16 1.9989e-3 and in float16 2.0008e-3: weights of exactly that are not below it.
      const threshold = 2e-3;
      const [narrow, widen] =
        precision === 'float16' ? [float32ToHalf, halfToFloat32] : [float32ToBfloat, bfloatToFloat32];
      const bound = widen(narrow([threshold]))[0]!;
      const weights = toFloat32(network.parameters.get('hidden.weight')!);
      weights.set([bound, -bound, bound * 0.9, bound * 1.0001, bound * 0.99999]);
      expect([...officialPositions(weights, threshold, precision)].slice(0, 1)).toEqual([2]);
      expect([...officialPositions(weights, threshold, 'float32')].slice(0, 1)).toEqual([
        precision === 'float16' ? 2 : 0,
      ]);

      const positions = [...network.parameters.values()].map((weight) =>
        officialPositions(toFloat32(weight), threshold, precision),
      );
      const values = positions.map(({ length }, i) => narrow(new Random(i, 'values').normal(length)));
      const path = join(await temporaryFolder(), 'unet.pt');
      const stored = values.map((data, i) => [i, tensorOf(precision, [data.length], data)] as const);
      await writeTorch(
        path,
        new Map<string | number, number | Tensor>([['threshold', threshold], ...stored]),
      );

      expect(await readOfficialSara(path, network)).toMatchObject({ threshold, precision });
      const adapterPath = join(path, '..', 'adapter.safetensors');
      await saveAdapter(adapterPath, await importOfficialSara(path, network));
      applyAdapters(network, [{ adapter: await loadAdapter(adapterPath) }]);
      [...network.parameters.values()].forEach((weight, i) => {
        const found = Float32Array.from(positions[i]!, (at) => toFloat32(weight)[at]!);
        widen(values[i]!).forEach((value, j) => {
          expect(Math.abs(found[j]! - value)).toBeLessThan(1e-9 + 1e-7 * Math.abs(value));
        });
      });
    },
  );
});

describe('writing', () => {
  /** A SaRA adapter of the toy network with random changes. */
  async function trained(options: { parameters?: (key: string) => boolean } = {}) {
    const optimizer = new AdamWSara(toyNetwork(), {
      threshold: 0.1,
      lambdaRank: 0,
      learningRate: 1e-2,
      ...options,
    });
    const gradients = optimizer.tensors.map(
      ({ name, mean }) => [name, new Random(1, name).normal(mean.length)] as const,
    );
    await optimizer.update(new Map(gradients));
    return optimizer.adapter({ model: 'models/toy', prefix: 'toy, ' });
  }

  it('gives the weights with the adapter on them at the entries below the threshold', async () => {
    const path = join(await temporaryFolder(), 'unet.pt');
    const adapter = await trained({ parameters: (key) => key !== 'hidden.bias' });
    await exportOfficialSara(path, toyNetwork(), adapter);
    const changed = toyNetwork();
    applyAdapters(changed, [{ adapter }]);
    const expected = [...toyNetwork().parameters].map(([key, weight], i) => {
      const positions = positionsBelow(toFloat32(weight), 0.1);
      const weights = toFloat32(changed.parameters.get(key)!);
      return [
        i,
        tensor(
          [positions.length],
          Float32Array.from(positions, (at) => weights[at]!),
        ),
      ] as const;
    });
    expect(await readTorchValue(path)).toEqual(new Map<unknown, unknown>([['threshold', 0.1], ...expected]));

    const network = toyNetwork();
    const again = await importOfficialSara(path, network, { model: 'models/toy', prefix: 'toy, ' });
    expect(again).toMatchObject({
      method: 'sara',
      threshold: 0.1,
      scale: 1,
      prefix: 'toy, ',
      base: adapter.base,
      settings: { importedFrom: 'unet.pt' },
    });
    expect([...again.tensors.keys()].filter((name) => name.startsWith('positions.'))).toEqual([]);
    applyAdapters(network, [{ adapter: again }]);
    const second = join(path, '..', 'again.pt');
    await exportOfficialSara(second, toyNetwork(), again);
    expect((await readOfficialSara(second, toyNetwork())).weights).toEqual(await importedWeights(network));
    expect(bitsOf(toyNetwork())).not.toEqual(bitsOf(network));
  });

  /** What a file holds of a network whose base is the toy network. */
  async function importedWeights(network: Network) {
    return [...toyNetwork().parameters].map(([key, weight]) => {
      const positions = positionsBelow(toFloat32(weight), 0.1);
      const weights = toFloat32(network.parameters.get(key)!);
      return {
        key,
        shape: weight.shape,
        positions,
        values: Float32Array.from(positions, (at) => weights[at]!),
      };
    });
  }

  it('refuses what such files cannot hold', async () => {
    const path = join(await temporaryFolder(), 'unet.pt');
    const adapter = await trained();
    const full = new AdamW(toyNetwork(), { keepBase: true }).adapter();
    const refused = (network: Network, what: Adapter) =>
      expect(exportOfficialSara(path, network, what)).rejects;
    await refused(toyNetwork(), full).toThrow(
      /is of method full without a threshold, .* merge it into a model/,
    );
    await refused(toyNetwork(), { ...adapter, threshold: undefined }).toThrow(/sara without a threshold/);
    await refused(toyNetwork(2), adapter).toThrow(/was made from the toy of models\/toy/);
    const deltas = () => [
      { key: 'out.bias', shape: [4], positions: Int32Array.of(0, 3), values: Float32Array.of(1, 1) },
    ];
    const beyond = { ...adapter, threshold: 1e-9, ...packDeltas(deltas, () => false) };
    await refused(toyNetwork(), beyond).toThrow(/changes 1 entries of "out\.bias" that are not below 1e-9/);
  });
});
