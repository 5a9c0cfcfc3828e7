/** Operators on each element: unary functions, and binary ones with numpy broadcasting. */
import type { Value } from '../graph/index.js';
import { scalar } from '../graph/index.js';
import { broadcastShapes, broadcastStrides, forEachIndex } from './indexing.js';
import { apply1, expectSameDtype, expectThat, type Operator } from './operator.js';

type None = Record<string, never>;
const NONE: None = {};

function unary(name: string, onnxName: string, compute: (x: number) => number): Operator<None> {
  return {
    name,
    infer: ([x]) => [{ dtype: x!.dtype, shape: x!.shape }],
    lower: (onnx, [x]) => [onnx.node(onnxName, [x!])],
    evaluate: ([x]) => [x!.map(compute)],
  };
}

function binary(name: string, onnxName: string, compute: (a: number, b: number) => number): Operator<None> {
  return {
    name,
    infer: (inputs) => {
      const [a, b] = inputs;
      expectSameDtype(name, inputs);
      const shape = broadcastShapes(a!.shape, b!.shape);
      expectThat(shape !== undefined, name, 'shapes that broadcast', ...inputs);
      return [{ dtype: a!.dtype, shape }];
    },
    lower: (onnx, [a, b]) => [onnx.node(onnxName, [a!, b!])],
    evaluate: ([a, b], node) => {
      const { shape } = node.outputs[0]!;
      const out = new Float64Array(shape.reduce((product, side) => product * side, 1));
      const strides = node.inputs.map((value) => broadcastStrides(value.shape, shape));
      forEachIndex(shape, strides, (flat, [i, j]) => {
        out[flat] = compute(a![i!]!, b![j!]!);
      });
      return [out];
    },
  };
}

/** erf by its Maclaurin series near zero and by the continued fraction of erfc elsewhere; float64 accuracy. */
export function erfOf(x: number): number {
  const magnitude = Math.abs(x);
  if (magnitude < 2.5) {
    let term = x;
    let sum = x;
    for (let n = 1; Math.abs(term) > 1e-18 * Math.abs(sum); n++) {
      term *= (-x * x) / n;
      sum += term / (2 * n + 1);
    }
    return (2 / Math.sqrt(Math.PI)) * sum;
  }
  let fraction = magnitude;
  for (let k = 120; k > 0; k--) fraction = magnitude + k / 2 / fraction;
  return Math.sign(x) * (1 - Math.exp(-x * x) / (fraction * Math.sqrt(Math.PI)));
}

/**
 * Sine and cosine, computed in float64: WebGPU promises its own float32 ones only to 5e-4, and only within [−π, π], while
 * the phases of timestep embeddings reach 1000. They run on the CPU there; the embeddings are small.
 */
function wave(name: string, onnxName: string, compute: (x: number) => number): Operator<None> {
  return {
    ...unary(name, onnxName, compute),
    lower: (onnx, [x], node) => {
      const precise = onnx.node(onnxName, [onnx.cast(x!, 'float64')]);
      return [onnx.cast(precise, node.outputs[0]!.dtype)];
    },
  };
}

export const negOperator = unary('neg', 'Neg', (x) => -x);
export const expOperator = unary('exp', 'Exp', Math.exp);
export const logOperator = unary('log', 'Log', Math.log);
export const sqrtOperator = unary('sqrt', 'Sqrt', Math.sqrt);
export const reciprocalOperator = unary('reciprocal', 'Reciprocal', (x) => 1 / x);
export const sigmoidOperator = unary('sigmoid', 'Sigmoid', (x) => 1 / (1 + Math.exp(-x)));
export const tanhOperator = unary('tanh', 'Tanh', Math.tanh);
export const erfOperator = unary('erf', 'Erf', erfOf);
export const sinOperator = wave('sin', 'Sin', Math.sin);
export const cosOperator = wave('cos', 'Cos', Math.cos);
export const absOperator = unary('abs', 'Abs', Math.abs);
export const signOperator = unary('sign', 'Sign', Math.sign);

export const addOperator = binary('add', 'Add', (a, b) => a + b);
export const subOperator = binary('sub', 'Sub', (a, b) => a - b);
export const mulOperator = binary('mul', 'Mul', (a, b) => a * b);
export const divOperator = binary('div', 'Div', (a, b) => a / b);
export const maximumOperator = binary('maximum', 'Max', Math.max);

/** 1 where a > b, else 0, in the dtype of the inputs. */
export const greaterOperator: Operator<None> = {
  ...binary('greater', 'Greater', (a, b) => (a > b ? 1 : 0)),
  lower: (onnx, [a, b], node) => [onnx.cast(onnx.node('Greater', [a!, b!]), node.outputs[0]!.dtype)],
};

export const neg = (x: Value): Value => apply1(negOperator, [x], NONE);
export const exp = (x: Value): Value => apply1(expOperator, [x], NONE);
export const log = (x: Value): Value => apply1(logOperator, [x], NONE);
export const sqrt = (x: Value): Value => apply1(sqrtOperator, [x], NONE);
export const reciprocal = (x: Value): Value => apply1(reciprocalOperator, [x], NONE);
export const sigmoid = (x: Value): Value => apply1(sigmoidOperator, [x], NONE);
export const tanh = (x: Value): Value => apply1(tanhOperator, [x], NONE);
export const erf = (x: Value): Value => apply1(erfOperator, [x], NONE);
export const sin = (x: Value): Value => apply1(sinOperator, [x], NONE);
export const cos = (x: Value): Value => apply1(cosOperator, [x], NONE);
export const abs = (x: Value): Value => apply1(absOperator, [x], NONE);
export const sign = (x: Value): Value => apply1(signOperator, [x], NONE);
export const add = (a: Value, b: Value): Value => apply1(addOperator, [a, b], NONE);
export const sub = (a: Value, b: Value): Value => apply1(subOperator, [a, b], NONE);
export const mul = (a: Value, b: Value): Value => apply1(mulOperator, [a, b], NONE);
export const div = (a: Value, b: Value): Value => apply1(divOperator, [a, b], NONE);
export const maximum = (a: Value, b: Value): Value => apply1(maximumOperator, [a, b], NONE);
export const greater = (a: Value, b: Value): Value => apply1(greaterOperator, [a, b], NONE);

/** A scalar of the value's own floating dtype. */
export const like = (x: Value, value: number): Value =>
  scalar(value, x.dtype === 'float64' ? 'float64' : 'float32');
/** x · factor */
export const scale = (x: Value, factor: number): Value => mul(x, like(x, factor));
/** x + offset */
export const offset = (x: Value, by: number): Value => add(x, like(x, by));
