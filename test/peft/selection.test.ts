/** Selecting entries by magnitude, and the threshold that selects a wanted number. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { InputError } from '../../src/errors.js';
import {
  AdamW,
  AdamWSara,
  createOptimizer,
  gather,
  learningRateFor,
  positionsBelow,
  thresholdFor,
} from '../../src/peft/index.js';
import { randomPositions } from '../../src/peft/random/positions.js';
import { positionsOfLargest } from '../../src/peft/selection.js';
import { tensor } from '../../src/tensor/index.js';
import { expectAllclose } from '../support/allclose.js';
import { toyNetwork } from '../support/toy-network.js';

const parametersOf = (...arrays: Float32Array[]) =>
  new Map(arrays.map((data, i) => [`weight${i}`, tensor([data.length], data)]));

describe('positionsBelow', () => {
  it('is strict and compares in float32, where 0.005 is a little less', () => {
    const bound = Math.fround(0.005);
    const values = Float32Array.of(bound, -bound, 0.0049999, -0.0049999, 0.0050001, 0, -0);
    expect(bound).toBeLessThan(0.005);
    expect([...positionsBelow(values, 0.005)]).toEqual([2, 3, 5, 6]);
  });
});

describe('thresholdFor', () => {
  const floats = fc.float({ noNaN: true, noDefaultInfinity: true });

  it('selects the wanted number, or as many more as are equal to the last', () => {
    fc.assert(
      fc.property(fc.array(floats, { minLength: 1, maxLength: 40 }), fc.nat(39), (values, pick) => {
        const count = 1 + (pick % values.length);
        const half = values.length >> 1;
        const parameters = parametersOf(
          Float32Array.from(values.slice(0, half)),
          Float32Array.from(values.slice(half)),
        );
        const threshold = thresholdFor(parameters, count);
        const magnitudes = values.map((value) => Math.abs(value)).sort((a, b) => a - b);
        const expected = magnitudes.filter((value) => value <= magnitudes[count - 1]!).length;
        const found = [...parameters.values()].map(({ data }) => positionsBelow(data, threshold).length);
        expect(found.reduce((sum, n) => sum + n, 0)).toBe(expected);
      }),
    );
  });

  it('counts only the chosen weights', () => {
    const parameters = parametersOf(Float32Array.of(1, 2, 3), Float32Array.of(10, 20, 30));
    expect(thresholdFor(parameters, 2, (key) => key === 'weight1')).toBeCloseTo(20, 4);
  });

  it.each([0, 7, Number.NaN])('refuses %d of 6', (count) => {
    const parameters = parametersOf(new Float32Array(6));
    expect(() => thresholdFor(parameters, count)).toThrow(InputError);
  });
});

describe('positionsOfLargest', () => {
  const scores = (...arrays: number[][]) =>
    function* () {
      for (const [i, values] of arrays.entries()) yield [`weight${i}`, Float32Array.from(values)] as const;
    };
  const found = (...[of, count]: Parameters<typeof positionsOfLargest>) =>
    [...positionsOfLargest(of, count).values()].map((positions) => [...positions]);

  it('are those of the largest magnitude of all weights together', () => {
    expect(found(scores([1, -7, 3], [-2, 5, 0.5]), 3)).toEqual([[1, 2], [1]]);
    expect(found(scores([1, -7, 3], [-2, 5, 0.5]), 6)).toEqual([
      [0, 1, 2],
      [0, 1, 2],
    ]);
  });

  it('includes ties with the last, and never zeros', () => {
    expect(found(scores([2, -2, 1], [2, 9]), 2)).toEqual([
      [0, 1],
      [0, 1],
    ]);
    expect(found(scores([0, 4, -0], [1e-45, 0]), 4)).toEqual([[1], [0]]);
  });

  it.each([0, 6])('refuses %d of 5', (count) => {
    expect(() => positionsOfLargest(scores([1, 2, 3], [4, 5]), count)).toThrow(InputError);
  });
});

describe('randomPositions', () => {
  const sizes = new Map([
    ['a', 3000],
    ['b', 0],
    ['c', 7000],
  ]);

  it.each([1, 600, 5000, 9000, 10_000])('draws %d of 10,000, each once, spread over all', (count) => {
    const drawn = [...randomPositions(sizes, count, 1)];
    expect(drawn.map(([key]) => key)).toEqual(['a', 'b', 'c']);
    let total = 0;
    for (const [key, positions] of drawn) {
      total += positions.length;
      expect(new Set(positions).size).toBe(positions.length);
      expect([...positions]).toEqual([...positions].sort((a, b) => a - b));
      expect(positions.every((at) => at >= 0 && at < sizes.get(key)!)).toBe(true);
      // Within five deviations of a binomial's mean.
      const share = sizes.get(key)! / 10_000;
      expect(Math.abs(positions.length - count * share)).toBeLessThanOrEqual(
        1 + 5 * Math.sqrt(count * share * (1 - share)),
      );
    }
    expect(total).toBe(count);
  });

  it('is named by its seed', () => {
    expect(randomPositions(sizes, 50, 1)).toEqual(randomPositions(sizes, 50, 1));
    expect(randomPositions(sizes, 50, 2)).not.toEqual(randomPositions(sizes, 50, 1));
  });
});

describe('largest and random weights', () => {
  it('train as many entries as are asked for, those of the chosen weights', () => {
    const parameters = (key: string) => key.startsWith('out.');
    const options = { targetParameters: 20, parameters };
    const [largest, random] = ['largest', 'random'].map((name) =>
      createOptimizer(name, toyNetwork(), options),
    );
    for (const optimizer of [largest!, random!]) {
      expect(optimizer.trainedCount).toBe(20);
      expect(optimizer.tensors.map(({ key }) => key)).toEqual(['out.weight', 'out.bias']);
    }
    const values = [...toyNetwork().parameters].flatMap(([key, { data }]) =>
      parameters(key) ? [...(data as Float32Array)].map(Math.abs) : [],
    );
    const least = values.sort((a, b) => b - a)[19]!;
    const chosen = largest!.tensors.flatMap(({ network, key, selected }) => [
      ...gather(network.parameters.get(key)!.data as Float32Array, selected!),
    ]);
    expect(Math.min(...chosen.map(Math.abs))).toBe(least);
  });

  it('have to be told how many', () => {
    expect(() => createOptimizer('largest', toyNetwork())).toThrow('give --params');
  });
});

describe('what trains', () => {
  it('is found from a number of parameters', () => {
    const network = toyNetwork();
    const optimizer = new AdamWSara(network, { targetParameters: 50 });
    // Each weight starts with 0 and −0, ties below every threshold.
    expect(optimizer.trainedCount).toBe(50);
    expect(new AdamWSara(network, { threshold: optimizer.threshold }).trainedCount).toBe(50);
  });

  it('has the rate that the paper gives for its threshold unless one is given', () => {
    expectAllclose([2e-4, 8e-4, 2e-3].map(learningRateFor), [9.32e-4, 7.56e-4, 4.97e-4], {
      rtol: 1e-3,
      reason: 'the paper prints three digits',
    });
    expect(new AdamWSara(toyNetwork(), { threshold: 2e-3 }).learningRate).toBe(learningRateFor(2e-3));
    expect(new AdamWSara(toyNetwork(), { threshold: 2e-3, learningRate: 1 }).learningRate).toBe(1);
  });

  const parameters = (key: string) => key === 'out.bias';
  it.each([
    [
      'a threshold that selects nothing',
      { threshold: 1e-9, parameters: (key: string) => key === 'none' },
      /selects nothing/,
    ],
    ['no threshold', {}, /needs a threshold above 0 .* got neither/],
    ['a threshold of 0', { threshold: 0 }, /needs a threshold above 0/],
    ['both', { threshold: 1, targetParameters: 3 }, /leave one out/],
    ['more than there are', { targetParameters: 5, parameters }, /expected a number from 1 to 4/],
  ])('cannot be %s', (_, options, message) => {
    expect(() => new AdamWSara(toyNetwork(), options)).toThrow(message);
    expect(() => new AdamWSara(toyNetwork(), options)).toThrow(InputError);
  });

  it('cannot be nothing', () => {
    expect(() => new AdamW(toyNetwork(), { parameters: () => false })).toThrow(/selection .* is empty/);
  });
});
