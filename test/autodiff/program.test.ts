/** A loss compiled in recomputed segments gives what it gives as one graph, also where values cross several segments. */
import { expect, test } from 'vitest';
import { collectGradients, compileLoss, type GradientRequest, planLoss } from '../../src/autodiff/index.js';
import { input, segment, type Value } from '../../src/graph/index.js';
import { add, concat, gatherRows, gemm, mul, reduceMean, reshape, sigmoid } from '../../src/ops/index.js';
import { Random, type Tensor, tensor, tensorOf } from '../../src/tensor/index.js';
import { expectAllclose } from '../support/allclose.js';

const SHARED = 'shared';
const random = (name: string, ...shape: number[]) =>
  tensor(shape, new Random(5, name).normal(shape.reduce((product, side) => product * side, 1)));

/** Three blocks with skip connections across blocks, and one weight that all blocks use. */
function network() {
  const weights = new Map<string, Value>();
  const weight = (name: string, ...shape: number[]) => {
    if (!weights.has(name)) weights.set(name, input(name, shape));
    return weights.get(name)!;
  };
  const x = input('x', [4, 6]);
  const layer = (name: string, value: Value) =>
    sigmoid(add(gemm(value, weight(name, value.shape[1]!, 6)), weight(SHARED, 6)));
  const first = segment(() => layer('w1', x));
  const second = segment(() => layer('w2', mul(first, x)));
  const third = segment(() => layer('w3', concat([second, first], 1)));
  const loss = reshape(reduceMean(mul(third, third)), []);
  return { outputs: { loss, third }, weights };
}

async function run(checkpoint: boolean) {
  const { outputs, weights } = network();
  const requests = new Map<string, GradientRequest>([...weights].map(([name, of]) => [name, { of }]));
  requests.set('w2', { of: weights.get('w2')!, positions: Int32Array.of(0, 5, 17) });
  const program = await compileLoss(outputs, requests, { checkpoint, threads: 1 });
  const feeds = new Map<string, Tensor>([
    ['x', random('x', 4, 6)],
    ['w1', random('w1', 6, 6)],
    ['w2', random('w2', 6, 6)],
    ['w3', random('w3', 12, 6)],
    [SHARED, random(SHARED, 6)],
  ]);
  const { outputs: found, gradients } = await program.run(feeds);
  const result = { outputs: found, gradients: await collectGradients(gradients) };
  await program.dispose();
  return result;
}

test('segments agree with the whole graph', async () => {
  const whole = await run(false);
  const pieces = await run(true);
  for (const [name, { data }] of whole.outputs) {
    expectAllclose(pieces.outputs.get(name)!.data as Float32Array, data as Float32Array);
  }
  expect([...pieces.gradients.keys()].sort()).toEqual([...whole.gradients.keys()].sort());
  for (const [name, gradient] of whole.gradients) expectAllclose(pieces.gradients.get(name)!, gradient);
  expect(whole.gradients.get('w2')).toHaveLength(3);
});

test('a loss without the name is refused', async () => {
  await expect(compileLoss({ other: input('x', []) }, new Map())).rejects.toThrow(
    'expected an output "loss", got other',
  );
});

test.each([false, true])(
  'chosen entries of a table take only the rows that were looked up',
  async (checkpoint) => {
    const table = input('table', [5, 3]);
    const ids = input('ids', [2, 3], 'int32');
    const rows = segment(() => gatherRows(table, ids));
    const loss = reshape(reduceMean(mul(rows, mul(rows, input('x', [2, 3, 3])))), []);
    const positions = Int32Array.of(1, 3, 4, 11, 13);
    const gradient = async (request: GradientRequest) => {
      const program = await compileLoss({ loss }, new Map([['table', request]]), { checkpoint, threads: 1 });
      const feeds = new Map<string, Tensor>([
        ['table', random('table', 5, 3)],
        ['ids', tensorOf('int32', [2, 3], Int32Array.of(4, 1, 1, 0, 4, 2))],
        ['x', random('x', 2, 3, 3)],
      ]);
      const { gradients } = await program.run(feeds);
      const found = (await collectGradients(gradients)).get('table')!;
      await program.dispose();
      return found;
    };
    const whole = await gradient({ of: table });
    expectAllclose(
      await gradient({ of: table, positions }),
      Float32Array.from(positions, (at) => whole[at]!),
    );
    const plans = planLoss({ loss }, new Map([['table', { of: table, positions }]]), false, undefined);
    expect(plans[0]!.backward.nodes.map(({ op }) => op)).not.toContain('scatter_add_rows');
  },
);
