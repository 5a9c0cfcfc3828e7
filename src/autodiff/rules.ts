/**
 * How each operator's gradient is computed: one entry per operator, checked by the compiler to be complete.
 *
 * Notation: d… is the gradient of the loss with respect to …; the rule of y = f(a, b) gives da and db from dy.
 */
import { type Node, numel, type Shape, sameShape, type Value } from '../graph/index.js';
import type { AttentionAttributes, ConvAttributes, OperatorName, SwishAttributes } from '../ops/index.js';
import {
  attentionGradient,
  averagePool,
  cast,
  conv2dInputGradient,
  conv2dWeightGradient,
  cos,
  div,
  exp,
  expand,
  gegluGradient,
  geluGradient,
  gemm,
  greater,
  like,
  matmul,
  mul,
  neg,
  pad,
  reduceMean,
  reduceSum,
  reshape,
  scale,
  scatterAddRows,
  sign,
  sin,
  slice,
  sub,
  swishGradient,
  transpose,
  windowCounts,
} from '../ops/index.js';

/** The gradients of a node's inputs, each built only where it is asked for; undefined where there is none. */
export type InputGradients = readonly ((() => Value) | undefined)[];

/** From a node and the gradient of its first output (the only one that losses use). */
export type GradientRule<A> = (dy: Value, node: Node<A>) => InputGradients;

/** Sums a gradient over the axes along which its value was broadcast. */
function unbroadcast(d: Value, shape: Shape): Value {
  if (sameShape(d.shape, shape)) return d;
  const missing = d.shape.length - shape.length;
  const axes = d.shape.flatMap((side, axis) =>
    axis < missing || (shape[axis - missing] === 1 && side !== 1) ? [axis] : [],
  );
  return reshape(axes.length === 0 ? d : reduceSum(d, axes), shape);
}

/** A rule for y = f(x). */
const unary =
  (rule: (dy: Value, x: Value, y: Value) => Value): GradientRule<unknown> =>
  (dy, { inputs: [x], outputs: [y] }) => [() => rule(dy, x!, y!)];

/** A rule for y = f(a, b) with broadcasting. */
const binary =
  (
    ruleA: (dy: Value, a: Value, b: Value, y: Value) => Value,
    ruleB: (dy: Value, a: Value, b: Value, y: Value) => Value,
  ): GradientRule<unknown> =>
  (dy, { inputs: [a, b], outputs: [y] }) => [
    () => unbroadcast(ruleA(dy, a!, b!, y!), a!.shape),
    () => unbroadcast(ruleB(dy, a!, b!, y!), b!.shape),
  ];

const swapLast = (x: Value): Value => {
  const axes = x.shape.map((_, axis) => axis);
  return transpose(x, [...axes.slice(0, -2), axes.at(-1)!, axes.at(-2)!]);
};

/** Marks an operator through which no gradient flows, and says why. */
const none =
  (_reason: string): GradientRule<unknown> =>
  (_dy, { inputs }) =>
    inputs.map(() => undefined);

interface Attributes {
  reshape: { shape: Shape };
  transpose: { permutation: readonly number[] };
  slice: { axis: number; start: number; end: number };
  pad: { before: readonly number[]; after: readonly number[] };
  concat: { axis: number };
  gemm: { transposeA: boolean; transposeB: boolean };
  conv2d: ConvAttributes;
  average_pool: { size: number };
  swish: SwishAttributes;
  attention: AttentionAttributes;
  upsample: { factor: number };
}
type AttributesOf<K> = K extends keyof Attributes ? Attributes[K] : unknown;

export const GRADIENT_RULES: { readonly [K in OperatorName]: GradientRule<AttributesOf<K>> } = {
  // y = −x: dx = −dy
  neg: unary((dy) => neg(dy)),
  // y = eˣ: dx = dy · y
  exp: unary((dy, _x, y) => mul(dy, y)),
  // y = ln x: dx = dy / x
  log: unary((dy, x) => div(dy, x)),
  // y = √x: dx = dy / 2y
  sqrt: unary((dy, _x, y) => div(scale(dy, 0.5), y)),
  // y = 1/x: dx = −dy · y²
  reciprocal: unary((dy, _x, y) => neg(mul(dy, mul(y, y)))),
  // y = σ(x): dx = dy · y (1 − y)
  sigmoid: unary((dy, _x, y) => mul(dy, mul(y, sub(like(y, 1), y)))),
  // y = tanh x: dx = dy (1 − y²)
  tanh: unary((dy, _x, y) => mul(dy, sub(like(y, 1), mul(y, y)))),
  // y = erf x: dx = dy · 2/√π · exp(−x²)
  erf: unary((dy, x) => mul(dy, scale(exp(neg(mul(x, x))), 2 / Math.sqrt(Math.PI)))),
  // y = sin x: dx = dy · cos x
  sin: unary((dy, x) => mul(dy, cos(x))),
  // y = cos x: dx = −dy · sin x
  cos: unary((dy, x) => neg(mul(dy, sin(x)))),
  // y = |x|: dx = dy · sign x
  abs: unary((dy, x) => mul(dy, sign(x))),
  sign: none('constant almost everywhere'),

  // y = a + b: da = dy, db = dy
  add: binary(
    (dy) => dy,
    (dy) => dy,
  ),
  // y = a − b: da = dy, db = −dy
  sub: binary(
    (dy) => dy,
    (dy) => neg(dy),
  ),
  // y = a · b: da = dy · b, db = dy · a
  mul: binary(
    (dy, _a, b) => mul(dy, b),
    (dy, a) => mul(dy, a),
  ),
  // y = a / b: da = dy / b, db = −dy · y / b
  div: binary(
    (dy, _a, b) => div(dy, b),
    (dy, _a, b, y) => neg(mul(dy, div(y, b))),
  ),
  // y = max(a, b): the gradient goes to the larger; to b where they are equal
  maximum: binary(
    (dy, a, b) => mul(dy, greater(a, b)),
    (dy, a, b) => mul(dy, sub(like(dy, 1), greater(a, b))),
  ),
  greater: none('constant almost everywhere'),

  // Layout: the gradient's elements move back the way the values came.
  reshape: (dy, { inputs: [x] }) => [() => reshape(dy, x!.shape)],
  transpose: (dy, { attributes: { permutation } }) => [
    () =>
      transpose(
        dy,
        permutation.map((_, axis) => permutation.indexOf(axis)),
      ),
  ],
  slice: (dy, { inputs: [x], attributes: { axis, start, end } }) => [
    () =>
      pad(
        dy,
        x!.shape.map((_, i) => (i === axis ? start : 0)),
        x!.shape.map((side, i) => (i === axis ? side - end : 0)),
      ),
  ],
  pad: (dy, { inputs: [x], attributes: { before } }) => [
    () =>
      x!.shape.reduce((rest, side, axis) => {
        const start = before[axis]!;
        return rest.shape[axis] === side ? rest : slice(rest, axis, start, start + side);
      }, dy),
  ],
  concat: (dy, { inputs, attributes: { axis } }) => {
    let end = 0;
    return inputs.map((x) => {
      const start = end;
      end += x.shape[axis]!;
      return () => slice(dy, axis, start, start + x.shape[axis]!);
    });
  },
  expand: unary((dy, x) => unbroadcast(dy, x.shape)),
  cast: (dy, { inputs: [x] }) => [x!.dtype.includes('float') ? () => cast(dy, x!.dtype) : undefined],
  detach: none('what it is for'),

  // y = Σ x: dx = dy, repeated
  reduce_sum: unary((dy, x) => expand(dy, x.shape)),
  // y = Σ x / n: dx = dy / n, repeated
  reduce_mean: unary((dy, x, y) => expand(scale(dy, numel(y) / numel(x)), x.shape)),

  // Y = A B + 1 cᵀ: dA = dY Bᵀ, dB = Aᵀ dY, dc = Σ rows of dY; A' = Aᵀ and B' = Bᵀ where transposed
  gemm: (dy, { inputs: [a, b, bias], attributes: { transposeA, transposeB } }) => [
    () =>
      transposeA
        ? gemm(b!, dy, { transposeA: transposeB, transposeB: true })
        : gemm(dy, b!, { transposeB: !transposeB }),
    () =>
      transposeB
        ? gemm(dy, a!, { transposeA: true, transposeB: transposeA })
        : gemm(a!, dy, { transposeA: !transposeA }),
    bias && (() => reshape(reduceSum(dy, [0]), bias.shape)),
  ],
  // Y = A B: dA = dY Bᵀ, dB = Aᵀ dY
  matmul: (dy, { inputs: [a, b] }) => [() => matmul(dy, swapLast(b!)), () => matmul(swapLast(a!), dy)],
  // Y = A⁻¹: dA = −Yᵀ dY Yᵀ
  inverse: unary((dy, _a, y) => neg(gemm(gemm(y, dy, { transposeA: true }), y, { transposeB: true }))),
  // y = x * W + b: dx = dy correlated with the flipped W, dW = x correlated with dy, db = Σ over images and positions
  conv2d: (dy, { inputs: [x, weight, bias], attributes }) => [
    () => conv2dInputGradient(dy, weight!, x!.shape, attributes),
    () => conv2dWeightGradient(dy, x!, weight!.shape, attributes),
    bias && (() => reshape(reduceSum(dy, [0, 2, 3]), bias.shape)),
  ],
  conv2d_input_gradient: none('second derivatives are not needed'),
  conv2d_weight_gradient: none('second derivatives are not needed'),

  max_pool: none('pictures are measured through it, and nothing trains'),
  // y = Σ x / c over the window, of c positions: dx = Σ dy / c over the window = c · mean of dy / c
  average_pool: (dy, { attributes: { size } }) => [
    () => {
      const counts = windowCounts(dy, size);
      return mul(averagePool(div(dy, counts), size), counts);
    },
  ],

  // y = (x − mean) r, r = 1/√(var + ε): dx = r (dy − mean(dy) − y · mean(dy · y))
  standardize: (dy, { outputs: [y, inverse] }) => [
    () => {
      const last = [-1];
      const projected = mul(y!, reduceMean(mul(dy, y!), last));
      return mul(inverse!, sub(sub(dy, reduceMean(dy, last)), projected));
    },
  ],
  // y = softmax x: dx = y (dy − Σ dy · y)
  softmax: unary((dy, _x, y) => mul(y, sub(dy, reduceSum(mul(dy, y), [-1])))),
  // see the operators of the gradients
  swish: (dy, { inputs: [x], attributes: { alpha } }) => [() => swishGradient(x!, dy, alpha)],
  gelu: unary((dy, x) => geluGradient(x, dy)),
  geglu: unary((dy, x) => gegluGradient(x, dy)),
  swish_gradient: none('second derivatives are not needed'),
  gelu_gradient: none('second derivatives are not needed'),
  geglu_gradient: none('second derivatives are not needed'),
  // see attentionGradientOperator
  attention: (dy, { inputs: [q, k, v], attributes }) => {
    let all: readonly Value[] | undefined;
    const part = (index: number) => () => {
      all ??= attentionGradient(q!, k!, v!, dy, attributes);
      return all[index]!;
    };
    return [part(0), part(1), part(2)];
  },
  attention_gradient: none('second derivatives are not needed'),

  // y = table[ids]: dtable = rows of dy added up at their ids
  gather_rows: (dy, { inputs: [table, ids] }) => [
    () => scatterAddRows(dy, ids!, table!.shape[0]!),
    undefined,
  ],
  scatter_add_rows: none('second derivatives are not needed'),
  take: none('picks entries of finished gradients'),
  // y repeats x: dx = sum over the repeats
  upsample: (dy, { inputs: [x], attributes: { factor } }) => [
    () => {
      const [n, c, height, width] = x!.shape as [number, number, number, number];
      return reshape(reduceSum(reshape(dy, [n, c, height, factor, width, factor]), [3, 5]), x!.shape);
    },
  ],
};
