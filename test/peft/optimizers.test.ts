/** AdamW's and SaRA's updates against their formulas, and states and options that do not fit. */
import { describe, expect, it } from 'vitest';
import { InputError } from '../../src/errors.js';
import {
  AdamW,
  AdamWSara,
  createOptimizer,
  nuclearNorm,
  type SaraOptions,
  selectedValues,
} from '../../src/peft/index.js';
import { tensor } from '../../src/tensor/index.js';
import { expectAllclose } from '../support/allclose.js';
import { toyNetwork } from '../support/toy-network.js';

/** A gradient of `value` for every entry that trains. */
const gradientsOf = (optimizer: AdamW, value = 1) =>
  new Map(optimizer.tensors.map(({ name, mean }) => [name, new Float32Array(mean.length).fill(value)]));

const weight = (values: number[]) => {
  const parameters = new Map([['w', tensor([values.length], Float32Array.from(values))]]);
  return { name: 'net', config: undefined, parameters };
};

describe('AdamW', () => {
  it('follows the formula for two steps', async () => {
    const network = weight([0.5, -2]);
    const [rate, decay, b1, b2, epsilon] = [0.1, 0.2, 0.8, 0.9, 1e-3];
    const optimizer = new AdamW(network, {
      learningRate: rate,
      weightDecay: decay,
      betas: [b1, b2],
      epsilon,
    });
    const expected = [0.5, -2];
    const [m, v] = [
      [0, 0],
      [0, 0],
    ];
    for (const [step, gradient] of [
      [0.3, -0.1],
      [-0.2, 0.4],
    ].entries()) {
      await optimizer.update(new Map([['net.w', Float32Array.from(gradient)]]));
      gradient.forEach((g, i) => {
        m[i] = b1 * m[i]! + (1 - b1) * g;
        v[i] = b2 * v[i]! + (1 - b2) * g * g;
        const corrected = m[i]! / (1 - b1 ** (step + 1));
        const root = Math.sqrt(v[i]! / (1 - b2 ** (step + 1)));
        expected[i] = expected[i]! * (1 - rate * decay) - (rate * corrected) / (root + epsilon);
      });
    }
    expectAllclose(network.parameters.get('w')!.data, expected);
    expect(optimizer.step).toBe(2);
  });

  it('clips to the global norm of what trains, and reports the norm before', async () => {
    const network = weight([1, 1, 1]);
    // With ε far above the gradient the step is in proportion to it.
    const optimizer = new AdamW(network, { learningRate: 1, weightDecay: 0, epsilon: 1e6 });
    const gradient = new Map([['net.w', Float32Array.of(3, 0, 4)]]);
    const report = await optimizer.update(gradient, { maxGradientNorm: 0.5 });
    expectAllclose([report.gradientNorm], [5]);
    const moved = network.parameters.get('w')!.data.map((value) => (1 - value) * 1e6);
    expectAllclose(moved, [0.3, 0, 0.4], { atol: 0.06, reason: 'differences of float32 near 1' });
  });

  it('leaves weights without a gradient alone', async () => {
    const network = toyNetwork();
    const before = network.parameters.get('out.bias')!.data.slice();
    const optimizer = new AdamW(network);
    const gradients = gradientsOf(optimizer);
    gradients.delete('toy.out.bias');
    await optimizer.update(gradients);
    expect(network.parameters.get('out.bias')!.data).toEqual(before);
  });
});

describe('SaRA', () => {
  const options: SaraOptions = { threshold: 0.1, rankMinSide: 3, weightDecay: 0 };

  it('adds λ times the polar factor of a drawn matrix to its gradient', async () => {
    const optimizer = new AdamWSara(toyNetwork(), { ...options, lambdaRank: 0.5, betas: [0, 0.9] });
    const matrix = optimizer.rankEligible[0]!;
    const { name, shape, indices } = matrix;
    const values = selectedValues(matrix);
    const { norm, gradient } = await nuclearNorm(shape, indices!, values);
    const only = new AdamWSara(optimizer.tensors[0]!.network, {
      ...options,
      lambdaRank: 0.5,
      betas: [0, 0.9],
      rankMatrices: (eligible) => eligible.slice(0, 1),
    });
    const report = await only.update(gradientsOf(only, 0.25));
    expectAllclose([report.losses.rank!], [0.5 * norm]);
    const { mean } = only.tensors.find((trained) => trained.name === name)!;
    expectAllclose(
      mean,
      gradient.map((value) => 0.25 + 0.5 * value),
    );
  });

  it('takes all eligible matrices if told so, one that the seed names otherwise', async () => {
    const norms = async (more: SaraOptions) => {
      const optimizer = new AdamWSara(toyNetwork(), { ...options, lambdaRank: 1, ...more });
      const losses: number[] = [];
      for (let i = 0; i < 12; i++) losses.push((await optimizer.update(new Map())).losses.rank!);
      return losses;
    };
    const single = await Promise.all(
      [0, 1, 2].map((index) => norms({ rankMatrices: (eligible) => [eligible[index]!], learningRate: 0 })),
    );
    const sum = single.reduce((total, [norm]) => total + norm!, 0);
    expectAllclose(await norms({ rankMatrices: 'all', learningRate: 0 }), new Array(12).fill(sum));
    const drawn = await norms({ learningRate: 0, seed: 5 });
    expect(await norms({ learningRate: 0, seed: 5 })).toEqual(drawn);
    expect(new Set(drawn)).toEqual(new Set(single.map(([norm]) => norm)));
  });

  it('reselects after the given step: survivors keep moments, the rest stays where it is', async () => {
    const network = weight([0.01, 0.095, -0.02, 0.5]);
    const optimizer = new AdamWSara(network, { ...options, progressiveStep: 1, learningRate: 0.01 });
    await optimizer.update(new Map([['net.w', Float32Array.of(1, -1, 1)]]));
    const [trained] = optimizer.tensors;
    expect([...trained!.selected!]).toEqual([0, 1, 2]);
    expect([...trained!.indices!]).toEqual([0, 2]);
    expectAllclose(trained!.mean, [0.1, 0.1]);
    expectAllclose(trained!.square, [1e-3, 1e-3]);
    const frozen = network.parameters.get('w')!.data[1]!;
    await optimizer.update(new Map([['net.w', Float32Array.of(1, 1)]]));
    expect(network.parameters.get('w')!.data[1]).toBe(frozen);
    expect(optimizer.trainedCount).toBe(2);
    // The one that left is part of what was learned.
    expect(optimizer.adapter().tensors.get('delta.w')!.shape).toEqual([3]);
  });
});

describe('a state of another run is refused', () => {
  const sara = (threshold: number) => new AdamWSara(toyNetwork(), { threshold });
  it.each([
    ['of another threshold', () => sara(0.1), () => sara(0.2)],
    ['of another method', () => new AdamW(toyNetwork()), () => sara(0.1)],
    ['of other weights', () => new AdamW(weight([1])), () => new AdamW(toyNetwork())],
    ['of another seed of the model', () => new AdamWSara(toyNetwork(2), { threshold: 0.1 }), () => sara(0.1)],
  ])('%s', (_, from, to) => {
    const target = to();
    const before = target.state();
    expect(() => target.restore(from().state())).toThrow(InputError);
    expect(target.state()).toEqual(before);
  });
});

describe('createOptimizer', () => {
  it('refuses unknown methods and options, naming the known', () => {
    expect(() => createOptimizer('lara', toyNetwork())).toThrow(
      'no method "lara"; expected one of full, sara',
    );
    expect(() => createOptimizer('full', toyNetwork(), { threshold: 1 })).toThrow(
      /"full" has no option "threshold"; expected some of learningRate/,
    );
  });
});

it('makes no adapter of several networks, or without their base', () => {
  const both = new AdamW([toyNetwork(), weight([1])]);
  expect(() => both.adapter()).toThrow('one network');
  expect(() => new AdamW(toyNetwork()).adapter()).toThrow('keepBase');
});
