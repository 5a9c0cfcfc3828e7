/** Small cases of every operator: the compiler asks for at least one each. */
import { constant, input, type Shape, type Value } from '../../src/graph/index.js';
import * as ops from '../../src/ops/index.js';
import { type DType, Random, sizeOf, type Tensor, tensorOf } from '../../src/tensor/index.js';

export interface OperatorCase {
  readonly inputs: readonly CaseInput[];
  readonly build: (...values: Value[]) => Value | readonly Value[];
}

interface CaseInput {
  readonly shape: Shape;
  readonly dtype: DType;
  readonly values: (random: Random, count: number) => Float32Array;
}

const real = (...shape: number[]): CaseInput => ({
  shape,
  dtype: 'float32',
  values: (random, n) => random.normal(n),
});
const positive = (...shape: number[]): CaseInput => ({
  shape,
  dtype: 'float32',
  values: (random, n) => random.uniform(n).map((value) => value + 0.5),
});
const indices = (limit: number, ...shape: number[]): CaseInput => ({
  shape,
  dtype: 'int32',
  values: (random, n) => Float32Array.from(random.integers(n, 0, limit)),
});

const unary = (build: (x: Value) => Value): [OperatorCase] => [{ inputs: [real(2, 3, 5)], build }];
const unaryPositive = (build: (x: Value) => Value): [OperatorCase] => [
  { inputs: [positive(2, 3, 5)], build },
];
const binary = (build: (a: Value, b: Value) => Value): OperatorCase[] => [
  { inputs: [real(2, 3, 5), real(2, 3, 5)], build },
  { inputs: [real(2, 3, 5), real(3, 1)], build },
  { inputs: [real(1, 5), real(4, 2, 1)], build },
  { inputs: [real(2, 3), real()], build },
];

/** A multiple of the identity, of the value's type. */
function diagonal(side: number, multiple: number, { dtype }: Value): Value {
  const shape = [side, side];
  const data = Array.from({ length: side * side }, (_, at) => (at % (side + 1) === 0 ? multiple : 0));
  const typed = dtype === 'float64' ? Float64Array.from(data) : Float32Array.from(data);
  return constant({ dtype, shape, data: typed } as Tensor);
}

const same = { stride: 1, padding: [1, 1, 1, 1] } as const;
const halving = { stride: 2, padding: [1, 1, 1, 1] } as const;
const vaeHalving = { stride: 2, padding: [0, 0, 1, 1] } as const;
const pointwise = { stride: 1, padding: [0, 0, 0, 0] } as const;
const plain = { scale: 0.5, causal: false } as const;
const causal = { scale: 0.7, causal: true } as const;

export const OPERATOR_CASES: Record<
  ops.OperatorName,
  readonly [OperatorCase, ...OperatorCase[]] | OperatorCase[]
> = {
  neg: unary(ops.neg),
  exp: unary(ops.exp),
  log: unaryPositive(ops.log),
  sqrt: unaryPositive(ops.sqrt),
  reciprocal: unaryPositive(ops.reciprocal),
  sigmoid: unary(ops.sigmoid),
  tanh: unary(ops.tanh),
  erf: unary((x) => ops.erf(ops.scale(x, 2))),
  sin: unary(ops.sin),
  cos: unary(ops.cos),
  abs: unary(ops.abs),
  sign: unary(ops.sign),
  add: binary(ops.add),
  sub: binary(ops.sub),
  mul: binary(ops.mul),
  div: [
    { inputs: [real(2, 3), positive(2, 3)], build: ops.div },
    { inputs: [real(2, 3), positive(3)], build: ops.div },
  ],
  maximum: binary(ops.maximum),
  greater: binary(ops.greater),
  reshape: [{ inputs: [real(2, 6)], build: (x) => ops.reshape(x, [3, -1]) }],
  transpose: [
    { inputs: [real(2, 3, 4)], build: (x) => ops.transpose(x, [2, 0, 1]) },
    { inputs: [real(2, 3, 4, 2)], build: (x) => ops.transpose(x, [0, 2, 1, 3]) },
  ],
  slice: [{ inputs: [real(3, 5)], build: (x) => ops.slice(x, -1, 1, 4) }],
  pad: [{ inputs: [real(2, 3)], build: (x) => ops.pad(x, [0, 2], [1, 0]) }],
  concat: [{ inputs: [real(2, 3), real(2, 1), real(2, 2)], build: (...x) => ops.concat(x, 1) }],
  expand: [{ inputs: [real(3, 1)], build: (x) => ops.expand(x, [2, 3, 4]) }],
  detach: unary(ops.detach),
  cast: [
    { inputs: [real(3, 2)], build: (x) => ops.cast(x, 'float32') },
    { inputs: [indices(9, 3)], build: (x) => ops.cast(x, 'float32') },
  ],
  reduce_sum: [
    { inputs: [real(2, 3, 4)], build: (x) => ops.reduceSum(x, [0, 2]) },
    { inputs: [real(2, 3)], build: (x) => ops.reduceSum(x) },
  ],
  reduce_mean: [{ inputs: [real(2, 3, 4)], build: (x) => ops.reduceMean(x, [1]) }],
  gemm: [
    { inputs: [real(3, 4), real(4, 2)], build: (a, b) => ops.gemm(a, b) },
    {
      inputs: [real(3, 4), real(2, 4), real(2)],
      build: (a, b, bias) => ops.gemm(a, b, { transposeB: true, bias }),
    },
    { inputs: [real(4, 3), real(4, 2)], build: (a, b) => ops.gemm(a, b, { transposeA: true }) },
    {
      inputs: [real(4, 3), real(2, 4)],
      build: (a, b) => ops.gemm(a, b, { transposeA: true, transposeB: true }),
    },
  ],
  inverse: [{ inputs: [real(4, 4)], build: (x) => ops.inverse(ops.add(x, diagonal(4, 5, x))) }],
  matmul: [{ inputs: [real(2, 2, 3, 4), real(2, 2, 4, 5)], build: ops.matmul }],
  conv2d: [
    { inputs: [real(2, 3, 4, 5), real(2, 3, 3, 3), real(2)], build: (x, w, b) => ops.conv2d(x, w, b, same) },
    { inputs: [real(2, 3, 4, 5), real(2, 3, 3, 3)], build: (x, w) => ops.conv2d(x, w, undefined, same) },
    {
      inputs: [real(1, 2, 6, 4), real(3, 2, 3, 3), real(3)],
      build: (x, w, b) => ops.conv2d(x, w, b, halving),
    },
    { inputs: [real(1, 2, 5, 7), real(3, 2, 3, 3)], build: (x, w) => ops.conv2d(x, w, undefined, halving) },
    {
      inputs: [real(1, 2, 6, 4), real(3, 2, 3, 3), real(3)],
      build: (x, w, b) => ops.conv2d(x, w, b, vaeHalving),
    },
    {
      inputs: [real(2, 3, 2, 2), real(4, 3, 1, 1), real(4)],
      build: (x, w, b) => ops.conv2d(x, w, b, pointwise),
    },
  ],
  conv2d_input_gradient: [
    {
      inputs: [real(1, 2, 4, 5), real(2, 3, 3, 3)],
      build: (dy, w) => ops.conv2dInputGradient(dy, w, [1, 3, 4, 5], same),
    },
    {
      inputs: [real(1, 21, 4, 5), real(21, 3, 3, 3)],
      build: (dy, w) => ops.conv2dInputGradient(dy, w, [1, 3, 4, 5], same),
    },
    {
      inputs: [real(2, 2, 4, 6), real(2, 3, 2, 3)],
      build: (dy, w) => ops.conv2dInputGradient(dy, w, [2, 3, 4, 5], { stride: 1, padding: [0, 1, 1, 2] }),
    },
    {
      inputs: [real(2, 2, 4, 5), real(2, 3, 1, 1)],
      build: (dy, w) => ops.conv2dInputGradient(dy, w, [2, 3, 4, 5], pointwise),
    },
    {
      inputs: [real(1, 3, 3, 2), real(3, 2, 3, 3)],
      build: (dy, w) => ops.conv2dInputGradient(dy, w, [1, 2, 6, 4], halving),
    },
    {
      inputs: [real(1, 3, 3, 4), real(3, 2, 3, 3)],
      build: (dy, w) => ops.conv2dInputGradient(dy, w, [1, 2, 5, 7], halving),
    },
    {
      inputs: [real(1, 3, 3, 2), real(3, 2, 3, 3)],
      build: (dy, w) => ops.conv2dInputGradient(dy, w, [1, 2, 6, 4], vaeHalving),
    },
  ],
  conv2d_weight_gradient: [
    {
      inputs: [real(2, 2, 4, 5), real(2, 3, 4, 5)],
      build: (dy, x) => ops.conv2dWeightGradient(dy, x, [2, 3, 3, 3], same),
    },
    {
      inputs: [real(1, 3, 3, 2), real(1, 2, 6, 4)],
      build: (dy, x) => ops.conv2dWeightGradient(dy, x, [3, 2, 3, 3], vaeHalving),
    },
    {
      inputs: [real(1, 3, 3, 4), real(1, 2, 5, 7)],
      build: (dy, x) => ops.conv2dWeightGradient(dy, x, [3, 2, 3, 3], halving),
    },
    {
      inputs: [real(2, 4, 2, 2), real(2, 3, 2, 2)],
      build: (dy, x) => ops.conv2dWeightGradient(dy, x, [4, 3, 1, 1], pointwise),
    },
  ],
  max_pool: [
    { inputs: [real(2, 3, 7, 9)], build: (x) => ops.maxPool(x, { size: 3, stride: 2 }) },
    { inputs: [real(1, 2, 4, 5)], build: (x) => ops.maxPool(x, { size: 3, padding: 1 }) },
  ],
  average_pool: [
    { inputs: [real(2, 3, 4, 5)], build: (x) => ops.averagePool(x, 3) },
    { inputs: [real(1, 2, 6, 3)], build: (x) => ops.averagePool(x, 5) },
  ],
  standardize: [{ inputs: [real(2, 3, 7)], build: (x) => ops.standardize(x, 1e-5) }],
  softmax: unary(ops.softmax),
  swish: [...unary((x) => ops.swish(x, 1)), ...unary((x) => ops.swish(x, 1.702))],
  swish_gradient: [
    { inputs: [real(2, 3, 5), real(2, 3, 5)], build: (x, dy) => ops.swishGradient(x, dy, 1) },
    { inputs: [real(7), real(7)], build: (x, dy) => ops.swishGradient(x, dy, 1.702) },
  ],
  gelu: unary(ops.gelu),
  gelu_gradient: [{ inputs: [real(2, 3, 5), real(2, 3, 5)], build: ops.geluGradient }],
  geglu: [{ inputs: [real(2, 3, 10)], build: ops.geglu }],
  geglu_gradient: [{ inputs: [real(2, 3, 10), real(2, 3, 5)], build: ops.gegluGradient }],
  attention: [
    {
      inputs: [real(2, 2, 3, 4), real(2, 2, 5, 4), real(2, 2, 5, 3)],
      build: (q, k, v) => ops.attention(q, k, v, plain),
    },
    {
      inputs: [real(1, 2, 4, 3), real(1, 2, 4, 3), real(1, 2, 4, 3)],
      build: (q, k, v) => ops.attention(q, k, v, causal),
    },
  ],
  attention_gradient: [
    {
      inputs: [real(2, 2, 3, 4), real(2, 2, 5, 4), real(2, 2, 5, 3), real(2, 2, 3, 3)],
      build: (q, k, v, d) => ops.attentionGradient(q, k, v, d, plain),
    },
  ],
  gather_rows: [{ inputs: [real(5, 3), indices(5, 2, 4)], build: ops.gatherRows }],
  scatter_add_rows: [
    { inputs: [real(2, 4, 3), indices(5, 2, 4)], build: (d, ids) => ops.scatterAddRows(d, ids, 5) },
  ],
  take: [{ inputs: [real(3, 4), indices(12, 5)], build: ops.take }],
  upsample: [{ inputs: [real(1, 2, 2, 3)], build: (x) => ops.upsample(x, 2) }],
};

/** Graph inputs x0, x1, … of a case and random feeds for them, the same in every run. */
export function instantiate({ inputs }: OperatorCase, name: string) {
  const values = inputs.map(({ shape, dtype }, i) => input(`x${i}`, shape, dtype));
  const feeds = new Map<string, Tensor>(
    inputs.map(({ shape, dtype, values: draw }, i) => {
      const data = draw(new Random(7, name, i), sizeOf(shape));
      return [
        `x${i}`,
        dtype === 'int32'
          ? tensorOf('int32', shape, Int32Array.from(data))
          : tensorOf('float32', shape, data),
      ];
    }),
  );
  return { values, feeds };
}
