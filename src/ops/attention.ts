/** Scaled dot-product attention and its gradient, in slices of queries so that no full softmax matrix is ever kept. */
import type { OnnxBuilder, TensorType, Value } from '../graph/index.js';
import type { DType } from '../tensor/index.js';
import { apply, apply1, expectSameDtype, expectThat, type Numbers, type Operator } from './operator.js';

export interface AttentionAttributes {
  /** Factor on q·kᵀ; usually 1/√(head width). */
  readonly scale: number;
  /** Whether query i sees only keys 0 … i. */
  readonly causal: boolean;
}

type Sides = readonly [number, number, number, number];

/** Largest number of scores (batch × heads × queries × keys) held at once. */
const LARGEST_SCORES = 4 * 2 ** 20;

function inferAttention(name: string, inputs: readonly TensorType[]): void {
  const [q, k, v] = inputs;
  expectSameDtype(name, inputs);
  expectThat(
    q!.shape.length === 4 &&
      k!.shape.length === 4 &&
      v!.shape.length === 4 &&
      q!.shape[0] === k!.shape[0] &&
      q!.shape[1] === k!.shape[1] &&
      q!.shape[3] === k!.shape[3] &&
      k!.shape[2] === v!.shape[2],
    name,
    'q [B, heads, T, D], k [B, heads, S, D], v [B, heads, S, E]',
    q!,
    k!,
    v!,
  );
}

/** Consecutive ranges of queries whose scores fit into LARGEST_SCORES. */
function querySlices([batch, heads, queries]: Sides, keys: number): [number, number][] {
  const rows = Math.max(1, Math.floor(LARGEST_SCORES / (batch * heads * keys)));
  const slices: [number, number][] = [];
  for (let start = 0; start < queries; start += rows) slices.push([start, Math.min(start + rows, queries)]);
  return slices;
}

/** −∞ (as far as float32 goes) where a key lies after its query. */
function causalMask(onnx: OnnxBuilder, [start, end]: [number, number], keys: number): string {
  const data = Float32Array.from({ length: (end - start) * keys }, (_, i) =>
    i % keys > start + Math.floor(i / keys) ? -3.4028234663852886e38 : 0,
  );
  return onnx.constant({ dtype: 'float32', shape: [end - start, keys], data });
}

function probabilities(
  onnx: OnnxBuilder,
  scaledQuery: string,
  keysTransposed: string,
  range: [number, number],
  keys: number,
  causal: boolean,
): string {
  const scores = onnx.node('MatMul', [scaledQuery, keysTransposed]);
  const masked = causal ? onnx.node('Add', [scores, causalMask(onnx, range, keys)]) : scores;
  return onnx.node('Softmax', [masked], { axis: -1 });
}

const join = (onnx: OnnxBuilder, parts: string[]) =>
  parts.length === 1 ? parts[0]! : onnx.node('Concat', parts, { axis: 2 });

function part(onnx: OnnxBuilder, name: string, [start, end]: [number, number], whole: number): string {
  return end - start === whole ? name : onnx.slice(name, [2], [start], [end]);
}

/**
 * A scalar that can be known only when all of some values [.., .., .., ..] are there. ONNX Runtime runs nodes in an order
 * of its own; this keeps it from the scores of one slice before it is done with those of another.
 */
function after(onnx: OnnxBuilder, scalar: string, values: readonly string[], dtype: DType): string {
  if (values.length === 0) return scalar;
  const firsts = values.map((name) => onnx.slice(name, [0, 1, 2, 3], [0, 0, 0, 0], [1, 1, 1, 1]));
  const nothing = onnx.node('Mul', [onnx.node('Sum', firsts), onnx.float(0, dtype)]);
  return onnx.node('Add', [scalar, nothing]);
}

/** Softmax rows p = softmax(scale · q kᵀ) of one batch and head, handed to `visit(query position, p)`. */
function forEachRow(
  [q, k]: readonly Numbers[],
  [batch, heads, queries, width]: Sides,
  keys: number,
  { scale, causal }: AttentionAttributes,
  visit: (plane: number, query: number, p: Numbers) => void,
): void {
  for (let plane = 0; plane < batch * heads; plane++)
    for (let i = 0; i < queries; i++) {
      const scores = new Float64Array(keys).fill(Number.NEGATIVE_INFINITY);
      for (let j = 0; j < keys && !(causal && j > i); j++) {
        let sum = 0;
        for (let d = 0; d < width; d++)
          sum += q![(plane * queries + i) * width + d]! * k![(plane * keys + j) * width + d]!;
        scores[j] = sum * scale;
      }
      const largest = Math.max(...scores);
      const exps = scores.map((score) => Math.exp(score - largest));
      const total = exps.reduce((sum, value) => sum + value, 0);
      visit(
        plane,
        i,
        exps.map((value) => value / total),
      );
    }
}

export const attentionOperator: Operator<AttentionAttributes> = {
  name: 'attention',
  infer: (inputs) => {
    inferAttention('attention', inputs);
    const [q, , v] = inputs;
    return [{ dtype: q!.dtype, shape: [...q!.shape.slice(0, 3), v!.shape[3]!] }];
  },
  lower: (onnx, [q, k, v], node) => {
    const shape = node.inputs[0]!.shape as Sides;
    const keys = node.inputs[1]!.shape[2]!;
    const { scale, causal } = node.attributes;
    const scaled = onnx.node('Mul', [q!, onnx.float(scale, node.inputs[0]!.dtype)]);
    const transposed = onnx.transpose(k!, [0, 1, 3, 2]);
    const parts = querySlices(shape, keys).map((range) => {
      const p = probabilities(onnx, part(onnx, scaled, range, shape[2]), transposed, range, keys, causal);
      return onnx.node('MatMul', [p, v!]);
    });
    return [join(onnx, parts)];
  },
  evaluate: ([q, k, v], node) => {
    const shape = node.inputs[0]!.shape as Sides;
    const [, , keys, width] = node.inputs[2]!.shape as Sides;
    const out = new Float64Array(shape[0] * shape[1] * shape[2] * width);
    forEachRow([q!, k!], shape, keys, node.attributes, (plane, i, p) => {
      for (let d = 0; d < width; d++)
        for (let j = 0; j < keys; j++)
          out[(plane * shape[2] + i) * width + d]! += p[j]! * v![(plane * keys + j) * width + d]!;
    });
    return [out];
  },
};

/** softmax(scale · q kᵀ) v: q [B, heads, T, D], k [B, heads, S, D], v [B, heads, S, E] → [B, heads, T, E] */
export function attention(q: Value, k: Value, v: Value, attributes: AttentionAttributes): Value {
  return apply1(attentionOperator, [q, k, v], attributes);
}

/**
 * Inputs q, k, v and dO; outputs dQ, dK, dV. With P = softmax(scale · q kᵀ), recomputed slice by slice:
 * dV = Pᵀ dO, dP = dO vᵀ, dS = P ⊙ (dP − rowsum(P ⊙ dP)), dQ = scale · dS k, dK = scale · dSᵀ q.
 */
export const attentionGradientOperator: Operator<AttentionAttributes> = {
  name: 'attention_gradient',
  infer: (inputs) => {
    inferAttention('attention_gradient', inputs);
    return inputs.slice(0, 3).map(({ dtype, shape }) => ({ dtype, shape }));
  },
  lower: (onnx, [q, k, v, dOut], node) => {
    const { dtype } = node.inputs[0]!;
    const shape = node.inputs[0]!.shape as Sides;
    const keys = node.inputs[1]!.shape[2]!;
    const { scale, causal } = node.attributes;
    const swap = (name: string) => onnx.transpose(name, [0, 1, 3, 2]);
    const factor = onnx.float(scale, dtype);
    const scaledKeys = onnx.node('Mul', [k!, factor]);
    const [keysTransposed, valuesTransposed] = [swap(k!), swap(v!)];
    const dQ: string[] = [];
    const plus = (sum: string | undefined, name: string) => (sum ? onnx.node('Add', [sum, name]) : name);
    let dK: string | undefined;
    let dV: string | undefined;
    for (const range of querySlices(shape, keys)) {
      const done = dK && dV ? [dQ.at(-1)!, dK, dV] : [];
      const query = onnx.node('Mul', [part(onnx, q!, range, shape[2]), after(onnx, factor, done, dtype)]);
      const dO = part(onnx, dOut!, range, shape[2]);
      const p = probabilities(onnx, query, keysTransposed, range, keys, causal);
      const dP = onnx.node('MatMul', [dO, valuesTransposed]);
      const rowSum = onnx.node('ReduceSum', [onnx.node('Mul', [p, dP]), onnx.ints([3])], { keepdims: 1 });
      const dS = onnx.node('Mul', [p, onnx.node('Sub', [dP, rowSum])]);
      dQ.push(onnx.node('MatMul', [dS, scaledKeys]));
      dK = plus(dK, onnx.node('MatMul', [swap(dS), query]));
      dV = plus(dV, onnx.node('MatMul', [swap(p), dO]));
    }
    return [join(onnx, dQ), dK!, dV!];
  },
  evaluate: ([q, k, v, dOut], node) => {
    const shape = node.inputs[0]!.shape as Sides;
    const [, , queries, width] = shape;
    const [, , keys, valueWidth] = node.inputs[2]!.shape as Sides;
    const { scale } = node.attributes;
    const [dQ, dK, dV] = [q!, k!, v!].map((values) => new Float64Array(values.length));
    forEachRow([q!, k!], shape, keys, node.attributes, (plane, i, p) => {
      const query = (plane * queries + i) * width;
      const result = (plane * queries + i) * valueWidth;
      const dP = new Float64Array(keys);
      for (let j = 0; j < keys; j++)
        for (let d = 0; d < valueWidth; d++) {
          const value = (plane * keys + j) * valueWidth + d;
          dP[j]! += dOut![result + d]! * v![value]!;
          dV![value]! += p[j]! * dOut![result + d]!;
        }
      const rowSum = p.reduce((sum, value, j) => sum + value * dP[j]!, 0);
      for (let j = 0; j < keys; j++) {
        const dS = scale * p[j]! * (dP[j]! - rowSum);
        for (let d = 0; d < width; d++) {
          dQ![query + d]! += dS * k![(plane * keys + j) * width + d]!;
          dK![(plane * keys + j) * width + d]! += dS * q![query + d]!;
        }
      }
    });
    return [dQ!, dK!, dV!];
  },
};

/** [dQ, dK, dV] of attention(q, k, v) from the gradient of its output. */
export function attentionGradient(
  q: Value,
  k: Value,
  v: Value,
  dOut: Value,
  attributes: AttentionAttributes,
) {
  return apply(attentionGradientOperator, [q, k, v, dOut], attributes);
}
