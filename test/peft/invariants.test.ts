/** What holds for every method of fine-tuning, on a small network. */
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { readSafetensors, writeSafetensors } from '../../src/formats/index.js';
import { float32Array, type Network } from '../../src/nn/index.js';
import {
  applyAdapters,
  createOptimizer,
  loadAdapter,
  METHODS,
  type MethodName,
  type MethodOptions,
  mergeAdapters,
  type Optimizer,
} from '../../src/peft/index.js';
import { Stepper } from '../../src/train/stepper.js';
import { changesOf } from '../support/adapters.js';
import { expectAllclose } from '../support/allclose.js';
import { temporaryFolder } from '../support/temporary.js';
import { bitsOf, ToyObjective, toyNetwork } from '../support/toy-network.js';

/** Whether a method trains this weight, or beside it: the hidden layer of the toy network unless its options say more. */
const parameters = (key: string) => key.startsWith('hidden.');

const OPTIONS: Record<MethodName, MethodOptions> = {
  full: { learningRate: 1e-2 },
  sara: { learningRate: 1e-2, threshold: 0.1, rankMinSide: 6, lambdaRank: 1e-2, progressiveStep: 2, seed: 3 },
  lora: { learningRate: 1e-2, rank: 2, targetModules: ['hidden'], seed: 3 },
  dora: { learningRate: 1e-2, rank: 2, targetModules: ['hidden'], seed: 3 },
  adaptformer: { learningRate: 1e-2, width: 3, seed: 3, parameters: (key) => key.startsWith('block.') },
  largest: { learningRate: 1e-2, targetParameters: 30 },
  random: { learningRate: 1e-2, targetParameters: 30, seed: 3 },
  'lt-sft': { learningRate: 1e-2, targetParameters: 30, searchSteps: 2 },
  fishmask: { learningRate: 1e-2, targetParameters: 30, searchSteps: 2 },
  diffpruning: {
    ...{ learningRate: 1e-2, targetParameters: 30, searchSteps: 2 },
    ...{ searchLearningRate: 1e-2, structured: true, seed: 3 },
  },
  'textual-inversion': { learningRate: 1e-2, vectors: 3, table: 'hidden.weight' },
};

async function train(optimizer: Optimizer, network: Network, batches: number[]) {
  const stepper = new Stepper(new ToyObjective(network), optimizer, { threads: 1 });
  const losses: number[] = [];
  for (const batch of batches) losses.push((await stepper.step([batch], { maxGradientNorm: 1 })).loss);
  await stepper.dispose();
  return losses;
}

const create = (method: MethodName, network: Network) =>
  createOptimizer(method, network, { parameters, ...OPTIONS[method] });

/** What it computes of a batch that it is not trained on. */
async function lossOf(network: Network): Promise<number> {
  const stepper = new Stepper(new ToyObjective(network), create('full', toyNetwork()), { threads: 1 });
  const loss = await stepper.evaluate(9);
  await stepper.dispose();
  return loss;
}

/** All that an adapter may change of a network. */
const lookAt = async (network: Network) => ({ bits: bitsOf(network), loss: await lossOf(network) });

async function trained(method: MethodName, batches = [1, 2, 3, 4]) {
  const network = toyNetwork();
  const optimizer = create(method, network);
  const losses = await train(optimizer, network, batches);
  return { network, optimizer, losses };
}

describe.each(Object.keys(OPTIONS) as MethodName[])('%s', (method) => {
  /** Whether it trains parameters of its own, beside weights that stay as they are. */
  const adds = METHODS[method].addition !== undefined;
  /** Whether its adapters change what layers compute and no weights. */
  const changesLayers = METHODS[method].adaptation !== undefined;

  it('lowers the loss of the batch it is trained on', async () => {
    const { losses } = await trained(method, [1, 1, 1, 1, 1]);
    expect(losses.at(-1)).toBeLessThan(losses[0]!);
  });

  it('leaves every bit of what it does not train', async () => {
    const base = toyNetwork();
    const { network, optimizer } = await trained(method);
    const adapter = optimizer.adapter();
    const changes = new Map(changesOf(adapter, base).map((delta) => [delta.key, delta]));
    expect([...changes.keys()].every(parameters)).toBe(true);
    for (const [key, { data }] of base.parameters) {
      const found = network.parameters.get(key)!.data.slice();
      const delta = changes.get(key);
      const changed = delta ? (delta.positions ?? Int32Array.from(data.keys())) : new Int32Array(0);
      for (const at of changed) found[at] = data[at]!;
      expect(Buffer.from(found.buffer), key).toEqual(Buffer.from(data.buffer));
    }
  });

  it.each([1, 2, 3])(
    'goes on from a state of %d steps to the bits of an uninterrupted run',
    async (steps) => {
      const batches = [1, 2, 3, 4];
      const whole = await trained(method, batches);
      const first = await trained(method, batches.slice(0, steps));
      const path = join(await temporaryFolder(), 'state.safetensors');
      await writeSafetensors(path, first.optimizer.state().tensors);

      const network = toyNetwork();
      const optimizer = create(method, network);
      optimizer.restore({ step: steps, tensors: (await readSafetensors(path)).tensors });
      expect(optimizer.step).toBe(steps);
      expect(bitsOf(network)).toEqual(bitsOf(first.network));
      const losses = await train(optimizer, network, batches.slice(steps));
      expect(losses).toEqual(whole.losses.slice(steps));
      expect(bitsOf(network)).toEqual(bitsOf(whole.network));
      expect(optimizer.adapter()).toEqual(whole.optimizer.adapter());
    },
  );

  it('does not share memory with a state it was restored from', async () => {
    const { optimizer } = await trained(method, [1]);
    const state = optimizer.state();
    const before = [...state.tensors].map(([name, { data }]) => [name, data.slice()]);
    const network = toyNetwork();
    const other = create(method, network);
    other.restore(state);
    await train(other, network, [2]);
    expect([...state.tensors].map(([name, { data }]) => [name, data])).toEqual(before);
  });

  it('saves and loads an adapter without a change', async () => {
    const { optimizer } = await trained(method);
    const path = join(await temporaryFolder(), 'adapter.safetensors');
    const info = { model: 'models/toy', prefix: 'toy style, ', settings: { steps: 4, seed: [1, 'a'] } };
    await optimizer.save(path, info);
    const loaded = await loadAdapter(path);
    expect(loaded).toEqual({ ...optimizer.adapter(info), path });
    expect(loaded.prefix).toBe('toy style, ');
    expect(loaded.settings).toEqual(info.settings);
  });

  it.runIf(adds)('computes applied, and merged in halves, what it computes beside the base', async () => {
    const { network, optimizer } = await trained(method);
    expect(bitsOf(network)).toEqual(bitsOf(toyNetwork()));
    const adapter = optimizer.adapter({ dtype: 'float32' });
    const half = { adapter, scale: 0.5 };
    const merge = () => mergeAdapters(toyNetwork(), [half, half], { dtype: 'float32' });
    if (changesLayers) expect(merge).toThrow('cannot be merged');
    for (const put of changesLayers ? [adapter] : [adapter, merge()]) {
      const base = toyNetwork();
      applyAdapters(base, [{ adapter: put }]);
      expectAllclose([await lossOf(base)], [await lossOf(network)], { rtol: 1e-5 });
    }
    expect(await lossOf(network)).not.toBeCloseTo(await lossOf(toyNetwork()), 4);
  });

  it.runIf(!adds)(
    'puts what was learned on the base again: exactly in float32, to 11 bits in float16',
    async () => {
      const { network, optimizer } = await trained(method);
      for (const [dtype, rtol] of [
        ['float32', 1e-6],
        ['float16', 2 ** -11],
      ] as const) {
        const base = toyNetwork();
        const original = toyNetwork();
        applyAdapters(base, [{ adapter: optimizer.adapter({ dtype }) }]);
        for (const key of base.parameters.keys()) {
          const before = float32Array(original, key);
          const delta = (values: Float32Array) => values.map((value, i) => value - before[i]!);
          expectAllclose(delta(float32Array(base, key)), delta(float32Array(network, key)), {
            rtol,
            atol: 1e-8,
          });
        }
      }
    },
  );

  it('is removed without a trace, and at scale 0 is not there', async () => {
    const { optimizer } = await trained(method);
    const base = toyNetwork();
    const before = await lookAt(base);
    const applied = applyAdapters(base, [{ adapter: optimizer.adapter(), scale: 0.7 }]);
    const scaled = await lookAt(base);
    expect(scaled.loss).not.toBe(before.loss);
    applied.setScales([0]);
    expect(await lookAt(base)).toEqual(before);
    applied.setScales([0.7]);
    expect(await lookAt(base)).toEqual(scaled);
    applied.remove();
    expect(await lookAt(base)).toEqual(before);
    expect(base.adaptations).toBeUndefined();
  });

  it.runIf(!adds)('merges: halves of one adapter are the adapter', async () => {
    const { optimizer } = await trained(method);
    const adapter = optimizer.adapter({ dtype: 'float32', prefix: 'toy, ' });
    const half = { adapter, scale: 0.5 };
    const merged = mergeAdapters(toyNetwork(), [half, half], { dtype: 'float32' });
    expect({ ...merged, settings: {} }).toEqual(adapter);
  });

  it('is refused by another base, naming both', async () => {
    const { optimizer } = await trained(method);
    const adapter = optimizer.adapter({ model: 'models/first' });
    const other = toyNetwork(2);
    const message =
      /first \(sha256:[0-9a-f]{12}\), not from the toy of models\/other \(sha256:[0-9a-f]{12}\)/;
    expect(() => applyAdapters(other, [{ adapter }], { model: 'models/other' })).toThrow(message);
    const applied = toyNetwork();
    applyAdapters(applied, [{ adapter }]);
    const again = () => applyAdapters(applied, [{ adapter }]);
    if (changesLayers) expect(again).not.toThrow();
    else expect(again).toThrow('without other adapters on it');
  });
});
