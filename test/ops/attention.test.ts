/** Attention whose scores take several slices, against its definition. */
import { expect, test } from 'vitest';
import { graphOf, input } from '../../src/graph/index.js';
import { evaluate } from '../../src/ops/evaluate.js';
import { attention, attentionGradient, compile } from '../../src/ops/index.js';
import { Random, sizeOf, tensor } from '../../src/tensor/index.js';
import { expectAllclose } from '../support/allclose.js';

test('attention and its gradient are the same in three slices', async () => {
  const shape = [1, 2, 2400, 4];
  const names = ['q', 'k', 'v', 'd'] as const;
  const [q, k, v, d] = names.map((name) => input(name, shape));
  const attributes = { scale: 0.5, causal: false };
  const [dQ, dK, dV] = attentionGradient(q!, k!, v!, d!, attributes);
  const graph = graphOf({ out: attention(q!, k!, v!, attributes), dQ: dQ!, dK: dK!, dV: dV! });
  const feeds = new Map(
    names.map((name) => [name, tensor(shape, new Random(3, name).normal(sizeOf(shape)))]),
  );
  const session = await compile(graph, { threads: 2 });
  const found = await session.run(feeds);
  await session.dispose();
  const expected = evaluate(
    graph,
    new Map([...feeds].map(([name, { data }]) => [name, Float64Array.from(data)])),
  );
  expect([...found.keys()]).toEqual(['out', 'dQ', 'dK', 'dV']);
  for (const [name, { data }] of found)
    expectAllclose(data as Float32Array, expected.get(name)!, {
      ...{ rtol: 1e-4, atol: 1e-4, reason: 'float32 sums over 2400 keys' },
    });
});
