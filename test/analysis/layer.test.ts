/** What is told of a weight and its changes, on matrices whose directions are known. */
import { expect, it } from 'vitest';
import { analyzeLayer } from '../../src/analysis/index.js';
import { dense } from '../../src/linalg/index.js';

const diagonal = (...values: number[]) =>
  dense(
    values.length,
    values.length,
    values.flatMap((value, i) => values.map((_, j) => (i === j ? value : 0))),
  );

it('finds norms, amplification and spaces of diagonal matrices', async () => {
  const weight = diagonal(4, 3, 2, 1);
  const { changes, similarity, ...base } = await analyzeLayer(
    weight,
    [diagonal(0, 0, 0, 2), diagonal(0, 0, 3, 1)],
    [1, 2, 8],
  );
  expect(base).toMatchObject({ ranks: [1, 2], nuclear: 10, spectrum: [4, 3] });
  expect(base.frobenius).toBeCloseTo(Math.sqrt(30), 12);
  // The change acts along the last axis, where the weight is 1: it amplifies it twice.
  expect(changes[0]).toMatchObject({ frobenius: 2, nuclear: 2, spectrum: [2, 0] });
  expect(changes[0]!.amplification[0]).toMatchObject({ rank: 1, projection: 1, factor: 2 });
  expect(changes[0]!.kept[0]).toBeCloseTo(1, 12);
  // With the second, the third axis leads: 2 + 3 is the largest.
  expect(changes[1]!.kept[0]).toBeCloseTo(0, 12);
  expect(similarity![0]).toBeCloseTo(0, 12);
});
