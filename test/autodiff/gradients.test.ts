/** Every operator's gradient rule against central differences, both in float64. */
import { expect, test } from 'vitest';
import { gradients } from '../../src/autodiff/index.js';
import { constant, graphOf, input, type Value } from '../../src/graph/index.js';
import { evaluate, mul, type Numbers, reduceSum } from '../../src/ops/index.js';
import { Random, sizeOf, tensorOf, toFloat32 } from '../../src/tensor/index.js';
import { expectAllclose } from '../support/allclose.js';
import { OPERATOR_CASES } from '../support/operator-cases.js';

/** Operators through which no gradient flows, as rules.ts says. */
const NOT_DIFFERENTIABLE = new Set([
  'sign',
  'detach',
  'greater',
  'conv2d_input_gradient',
  'conv2d_weight_gradient',
  'max_pool',
  'swish_gradient',
  'gelu_gradient',
  'geglu_gradient',
  'attention_gradient',
  'scatter_add_rows',
  'take',
]);

const STEP = 1e-5;

for (const [name, cases] of Object.entries(OPERATOR_CASES)) {
  cases.forEach((operatorCase, index) => {
    test(`${name} ${index}`, () => {
      const isReal = operatorCase.inputs.map(({ dtype }) => dtype === 'float32');
      const values = operatorCase.inputs.map(({ shape, dtype }, i) =>
        input(`x${i}`, shape, dtype === 'float32' ? 'float64' : dtype),
      );
      const feeds = new Map<string, Numbers>(
        operatorCase.inputs.map(({ shape, values: draw }, i) => [
          `x${i}`,
          Float64Array.from(draw(new Random(3, name, i), sizeOf(shape))),
        ]),
      );
      const [y] = [operatorCase.build(...values)].flat() as [Value];
      const loss = reduceSum(mul(y, weights(y)));
      const found = gradients(loss, values);
      if (NOT_DIFFERENTIABLE.has(name)) {
        expect(found.every((gradient) => gradient === undefined)).toBe(true);
        return;
      }
      const lossGraph = graphOf({ loss });
      values.forEach((_, i) => {
        if (!isReal[i]) {
          expect(found[i]).toBeUndefined();
          return;
        }
        const key = `x${i}`;
        const exact = evaluate(graphOf({ gradient: found[i]! }), feeds).get('gradient')!;
        const numeric = exact.map((_value, at) => {
          const lossAt = (by: number) => {
            const moved = feeds.get(key)!.slice();
            moved[at]! += by;
            return evaluate(lossGraph, new Map(feeds).set(key, moved)).get('loss')![0]!;
          };
          return (lossAt(STEP) - lossAt(-STEP)) / (2 * STEP);
        });
        expectAllclose(exact, numeric, {
          rtol: 1e-6,
          atol: 1e-7,
          reason: 'central differences: O(step²) truncation, O(1e-16/step) rounding',
        });
      });
    });
  });
}

/** Fixed random weights, so that the loss sees every entry differently. */
function weights(y: Value): Value {
  const data = Float64Array.from(new Random(11, 'weights').normal(sizeOf(y.shape)));
  if (y.dtype === 'float64') return constant(tensorOf('float64', y.shape, data));
  return constant(tensorOf('float32', y.shape, toFloat32(tensorOf('float64', y.shape, data))));
}
