/**
 * Activation functions as operators of their own. Their gradients compute everything again from x, so that x alone is
 * kept for the backward pass, and in fewer passes over memory than differentiated formulas would take.
 */
import type { OnnxBuilder, TensorType, Value } from '../graph/index.js';
import type { DType } from '../tensor/index.js';
import { erfOf } from './elementwise.js';
import { apply1, expectSameDtype, expectThat, type Numbers, type Operator } from './operator.js';

export interface SwishAttributes {
  /** Factor on x inside the sigmoid. */
  readonly alpha: number;
}

const sigmoidOf = (x: number): number => 1 / (1 + Math.exp(-x));
const same = ([x]: readonly TensorType[]): TensorType[] => [{ dtype: x!.dtype, shape: x!.shape }];

export const swishOperator: Operator<SwishAttributes> = {
  name: 'swish',
  infer: same,
  lower: (onnx, [x], { attributes: { alpha } }) => [swished(onnx, x!, alpha)],
  evaluate: ([x], { attributes: { alpha } }) => [x!.map((value) => value * sigmoidOf(alpha * value))],
};

/** x · σ(alpha · x) in one pass. */
const swished = (onnx: OnnxBuilder, x: string, alpha: number): string =>
  onnx.contribNode('QuickGelu', [x], { alpha: { float: alpha } });

/** x · σ(alpha · x) */
export function swish(x: Value, alpha: number): Value {
  return apply1(swishOperator, [x], { alpha });
}

function expectGradient(name: string, [x, dy]: readonly TensorType[]): void {
  expectSameDtype(name, [x!, dy!]);
  expectThat(`${x!.shape}` === `${dy!.shape}`, name, 'a gradient of the shape of x', x!, dy!);
}

/** dx = dy · σ(αx) (1 + αx σ(−αx)) */
export const swishGradientOperator: Operator<SwishAttributes> = {
  name: 'swish_gradient',
  infer: (inputs) => {
    expectGradient('swish_gradient', inputs);
    return same(inputs);
  },
  lower: (onnx, [x, dy], node) => {
    const { alpha } = node.attributes;
    const scaled = (name: string) =>
      alpha === 1 ? name : onnx.node('Mul', [name, onnx.float(alpha, node.inputs[0]!.dtype)]);
    const factor = onnx.node('Add', [
      scaled(swished(onnx, x!, -alpha)),
      onnx.float(1, node.inputs[0]!.dtype),
    ]);
    return [onnx.node('Mul', [onnx.node('Mul', [onnx.node('Sigmoid', [scaled(x!)]), factor]), dy!])];
  },
  evaluate: ([x, dy], { attributes: { alpha } }) => [
    x!.map((value, i) => {
      const z = alpha * value;
      return dy![i]! * sigmoidOf(z) * (1 + z * sigmoidOf(-z));
    }),
  ],
};

/** The gradient of swish with respect to x. */
export function swishGradient(x: Value, dy: Value, alpha: number): Value {
  return apply1(swishGradientOperator, [x, dy], { alpha });
}

type None = Record<string, never>;

/** Φ(x), the normal distribution function. */
const normalOf = (x: number): number => (1 + erfOf(x * Math.SQRT1_2)) / 2;
const geluOf = (x: number): number => x * normalOf(x);
const geluSlopeOf = (x: number): number =>
  normalOf(x) + (x * Math.exp((-x * x) / 2)) / Math.sqrt(2 * Math.PI);

export const geluOperator: Operator<None> = {
  name: 'gelu',
  infer: same,
  lower: (onnx, [x]) => [onnx.node('Gelu', [x!])],
  evaluate: ([x]) => [x!.map(geluOf)],
};

/** x · Φ(x) = x/2 · (1 + erf(x/√2)) */
export function gelu(x: Value): Value {
  return apply1(geluOperator, [x], {});
}

/** Φ(x), and the slope of gelu, Φ(x) + x φ(x). With a = x/√2, x φ(x) = a · exp(ln(1/√π) − a²). */
function normalAndSlope(onnx: OnnxBuilder, x: string, dtype: DType): { normal: string; slope: string } {
  const number = (value: number) => onnx.float(value, dtype);
  const a = onnx.node('Mul', [x, number(Math.SQRT1_2)]);
  const normal = onnx.node('Add', [onnx.node('Mul', [onnx.node('Erf', [a]), number(0.5)]), number(0.5)]);
  const exponent = onnx.node('Sub', [number(-Math.log(Math.PI) / 2), onnx.node('Mul', [a, a])]);
  const rest = onnx.node('Mul', [a, onnx.node('Exp', [exponent])]);
  return { normal, slope: onnx.node('Add', [normal, rest]) };
}

/** dx = dy (Φ(x) + x φ(x)) */
export const geluGradientOperator: Operator<None> = {
  name: 'gelu_gradient',
  infer: (inputs) => {
    expectGradient('gelu_gradient', inputs);
    return same(inputs);
  },
  lower: (onnx, [x, dy], node) => [
    onnx.node('Mul', [dy!, normalAndSlope(onnx, x!, node.inputs[0]!.dtype).slope]),
  ],
  evaluate: ([x, dy]) => [x!.map((value, i) => dy![i]! * geluSlopeOf(value))],
};

/** The gradient of gelu with respect to x. */
export function geluGradient(x: Value, dy: Value): Value {
  return apply1(geluGradientOperator, [x, dy], {});
}

/** Half the last axis. */
function halfOf(name: string, x: TensorType): number {
  const width = x.shape.at(-1) ?? 0;
  expectThat(width > 0 && width % 2 === 0, name, 'an even last axis', x);
  return width / 2;
}

/** Calls `visit` with the flat positions of each a, b and y. */
function forEachGate(length: number, half: number, visit: (a: number, b: number, y: number) => void): void {
  for (let y = 0; y < length; y++) {
    const a = y + Math.floor(y / half) * half;
    visit(a, a + half, y);
  }
}

const halves = (onnx: OnnxBuilder, x: string): [string, string] =>
  onnx.nodeOutputs('Split', [x], { axis: -1, num_outputs: 2 }, 2) as [string, string];

export const gegluOperator: Operator<None> = {
  name: 'geglu',
  infer: ([x]) => [{ dtype: x!.dtype, shape: [...x!.shape.slice(0, -1), halfOf('geglu', x!)] }],
  lower: (onnx, [x]) => {
    const [a, b] = halves(onnx, x!);
    return [onnx.node('Mul', [a, onnx.node('Gelu', [b])])];
  },
  evaluate: ([x], node) => {
    const out = new Float64Array(x!.length / 2);
    forEachGate(out.length, node.outputs[0]!.shape.at(-1)!, (a, b, y) => {
      out[y] = x![a]! * geluOf(x![b]!);
    });
    return [out];
  },
};

/** a ⊙ gelu(b) with x = [a, b] along the last axis: [..., 2 n] → [..., n]. Shazeer 2020, "GLU variants", equation 6. */
export function geglu(x: Value): Value {
  return apply1(gegluOperator, [x], {});
}

/** da = dy ⊙ gelu(b), db = dy ⊙ a ⊙ (Φ(b) + b φ(b)) */
export const gegluGradientOperator: Operator<None> = {
  name: 'geglu_gradient',
  infer: ([x, dy]) => {
    expectSameDtype('geglu_gradient', [x!, dy!]);
    const expected = [...x!.shape.slice(0, -1), halfOf('geglu_gradient', x!)];
    expectThat(`${dy!.shape}` === `${expected}`, 'geglu_gradient', `a gradient [${expected}]`, dy!);
    return same([x!]);
  },
  lower: (onnx, [x, dy], node) => {
    const [a, b] = halves(onnx, x!);
    const { normal, slope } = normalAndSlope(onnx, b, node.inputs[0]!.dtype);
    const da = onnx.node('Mul', [dy!, onnx.node('Mul', [b, normal])]);
    const db = onnx.node('Mul', [onnx.node('Mul', [dy!, a]), slope]);
    return [onnx.node('Concat', [da, db], { axis: -1 })];
  },
  evaluate: ([x, dy], node) => {
    const out: Numbers = new Float64Array(x!.length);
    forEachGate(dy!.length, node.inputs[1]!.shape.at(-1)!, (a, b, y) => {
      out[a] = dy![y]! * geluOf(x![b]!);
      out[b] = dy![y]! * x![a]! * geluSlopeOf(x![b]!);
    });
    return [out];
  },
};

/** The gradient of geglu with respect to x. */
export function gegluGradient(x: Value, dy: Value): Value {
  return apply1(gegluGradientOperator, [x, dy], {});
}
