/** Products of matrices in float64: as graphs where they are large. */
import { graphOf, input } from '../graph/index.js';
import { compile, gemm } from '../ops/index.js';
import type { RuntimeOptions } from '../runtime/index.js';
import { tensorOf } from '../tensor/index.js';
import type { Dense } from './dense.js';

interface Transposes {
  readonly transposeA?: boolean;
  readonly transposeB?: boolean;
}

/** Products of fewer multiplications take less time here than a graph takes to compile. */
const WORTH_A_GRAPH = 2 ** 21;

/** A · B, each transposed where asked. */
export async function product(
  a: Dense,
  b: Dense,
  transposes: Transposes = {},
  runtime?: RuntimeOptions,
): Promise<Dense> {
  const { transposeA = false, transposeB = false } = transposes;
  const [rows, inner] = transposeA ? [a.columns, a.rows] : [a.rows, a.columns];
  const columns = transposeB ? b.rows : b.columns;
  const data =
    rows * inner * columns < WORTH_A_GRAPH
      ? multiply(a, b, { rows, inner, columns, transposeA, transposeB })
      : await multiplyOnRuntime(a, b, transposes, runtime);
  return { rows, columns, data };
}

function multiply(
  a: Dense,
  b: Dense,
  sizes: { rows: number; inner: number; columns: number; transposeA: boolean; transposeB: boolean },
): Float64Array {
  const { rows, inner, columns, transposeA, transposeB } = sizes;
  const [rowStep, innerStep] = transposeA ? [1, a.columns] : [a.columns, 1];
  const [innerStepB, columnStep] = transposeB ? [1, b.columns] : [b.columns, 1];
  const out = new Float64Array(rows * columns);
  for (let i = 0; i < rows; i++) {
    for (let k = 0; k < inner; k++) {
      const factor = a.data[i * rowStep + k * innerStep]!;
      if (factor === 0) continue;
      for (let j = 0; j < columns; j++)
        out[i * columns + j]! += factor * b.data[k * innerStepB + j * columnStep]!;
    }
  }
  return out;
}

async function multiplyOnRuntime(
  a: Dense,
  b: Dense,
  transposes: Transposes,
  runtime: RuntimeOptions | undefined,
): Promise<Float64Array> {
  const shapes = { a: [a.rows, a.columns], b: [b.rows, b.columns] };
  const graph = graphOf({
    product: gemm(input('a', shapes.a, 'float64'), input('b', shapes.b, 'float64'), transposes),
  });
  const session = await compile(graph, { ...runtime, device: 'cpu' });
  try {
    const feeds = new Map([
      ['a', tensorOf('float64', shapes.a, a.data)],
      ['b', tensorOf('float64', shapes.b, b.data)],
    ]);
    return (await session.run(feeds)).get('product')!.data as Float64Array;
  } finally {
    await session.dispose();
  }
}
