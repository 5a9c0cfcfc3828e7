/** What an operator is: how it infers types, how it is written as ONNX, and what it computes in plain float64. */
import {
  createNode,
  describe,
  GraphError,
  type Node,
  type OnnxBuilder,
  type TensorType,
  type Value,
} from '../graph/index.js';

/** Values of a tensor in the reference evaluator: every dtype is held as float64. */
export type Numbers = Float64Array;

export interface Operator<A> {
  readonly name: string;
  /** Output types; throws GraphError where the inputs do not fit. */
  infer(inputs: readonly TensorType[], attributes: A): TensorType[];
  /** Appends ONNX nodes and returns the names of the outputs. */
  lower(onnx: OnnxBuilder, inputs: readonly string[], node: Node<A>): string[];
  /** The definition in plain loops over float64: the witness for the ONNX form and for gradients. */
  evaluate(inputs: readonly Numbers[], node: Node<A>): Numbers[];
}

/** Applies an operator to values. */
export function apply<A>(operator: Operator<A>, inputs: readonly Value[], attributes: A): readonly Value[] {
  return createNode(operator.name, inputs, attributes, operator.infer(inputs, attributes)).outputs;
}

/** Applies an operator that has one output. */
export function apply1<A>(operator: Operator<A>, inputs: readonly Value[], attributes: A): Value {
  return apply(operator, inputs, attributes)[0]!;
}

/** Throws GraphError "operator: expected …, got …" unless the condition holds. */
export function expectThat(
  condition: boolean,
  operator: string,
  expected: string,
  ...got: readonly TensorType[]
): asserts condition {
  if (!condition) {
    throw new GraphError(`${operator}: expected ${expected}, got ${got.map(describe).join(' and ')}`);
  }
}

/** Throws unless all values have the same dtype. */
export function expectSameDtype(operator: string, inputs: readonly TensorType[]): void {
  const dtype = inputs[0]!.dtype;
  expectThat(
    inputs.every((value) => value.dtype === dtype),
    operator,
    'inputs of one dtype',
    ...inputs,
  );
}

/** An axis counted from the end where negative, checked against the rank. */
export function normalizeAxis(operator: string, axis: number, type: TensorType): number {
  const rank = type.shape.length;
  expectThat(axis >= -rank && axis < rank, operator, `an axis below rank ${rank} (axis ${axis})`, type);
  return axis < 0 ? axis + rank : axis;
}
