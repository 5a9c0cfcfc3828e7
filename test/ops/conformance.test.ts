/** Every operator on every device of this machine, against its definition in float64. */
import { describe, test } from 'vitest';
import { graphOf } from '../../src/graph/index.js';
import { compile, evaluate } from '../../src/ops/index.js';
import { toFloat32 } from '../../src/tensor/index.js';
import { expectAllclose } from '../support/allclose.js';
import { testDevices } from '../support/devices.js';
import { instantiate, OPERATOR_CASES } from '../support/operator-cases.js';

for (const { device, skip } of await testDevices()) {
  describe.skipIf(skip)(`operators on ${device}${skip ? ` (${skip})` : ''}`, () => {
    for (const [name, cases] of Object.entries(OPERATOR_CASES)) {
      cases.forEach((operatorCase, index) => {
        test(`${name} ${index}`, async () => {
          const { values, feeds } = instantiate(operatorCase, name);
          const built = [operatorCase.build(...values)].flat();
          const graph = graphOf(Object.fromEntries(built.map((value, i) => [`y${i}`, value])));
          const session = await compile(graph, { device });
          const actual = await session.run(feeds);
          await session.dispose();
          const exact = evaluate(
            graph,
            new Map([...feeds].map(([key, feed]) => [key, Float64Array.from(toFloat32(feed))])),
          );
          for (const [output, expected] of exact) {
            expectAllclose(toFloat32(actual.get(output)!), expected, { rtol: 1e-5, atol: 2e-6 });
          }
        });
      });
    }
  });
}
