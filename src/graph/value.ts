/** Values and nodes: a computation is an immutable graph in which every value knows the node that makes it. */
import type { DType, Tensor } from '../tensor/index.js';
import { sizeOf } from '../tensor/index.js';

export type Shape = readonly number[];

export interface TensorType {
  readonly dtype: DType;
  readonly shape: Shape;
}

/** One result of a node. Ids grow with creation, so sorting by id is a topological order. */
export interface Value extends TensorType {
  readonly id: number;
  readonly node: Node;
  /** Which of the node's outputs this is. */
  readonly index: number;
}

/** One application of an operator; `input` and `constant` nodes have no inputs. */
export interface Node<Attributes = unknown> {
  readonly op: string;
  readonly inputs: readonly Value[];
  readonly attributes: Attributes;
  readonly outputs: readonly Value[];
  /** The checkpointing segment it was created in; see segment(). */
  readonly segment: number;
}

export interface InputAttributes {
  readonly name: string;
}

export interface ConstantAttributes {
  readonly tensor: Tensor;
}

/** A graph that does not fit together: names the operator, what it expected and what it got. */
export class GraphError extends Error {
  override readonly name = 'GraphError';
}

let nextId = 0;
let nextSegment = 0;
let currentSegment = 0;

/** Adds a node whose outputs have the given types. Operators call it; models call operators. */
export function createNode(
  op: string,
  inputs: readonly Value[],
  attributes: unknown,
  types: readonly TensorType[],
) {
  const node: Node = { op, inputs, attributes, outputs: [], segment: currentSegment };
  const outputs = types.map(({ dtype, shape }, index) => ({ id: nextId++, dtype, shape, node, index }));
  (node as { outputs: readonly Value[] }).outputs = outputs;
  return node;
}

/**
 * Runs `build`, putting the nodes it creates into a segment of their own. With gradient checkpointing only the values
 * that cross segments are kept for the backward pass; the rest is computed again there. Segments do not nest.
 */
export function segment<T>(build: () => T): T {
  if (currentSegment !== 0) return build();
  currentSegment = ++nextSegment;
  try {
    return build();
  } finally {
    currentSegment = 0;
  }
}

/** A value fed by name when the graph runs. */
export function input(name: string, shape: Shape, dtype: DType = 'float32'): Value {
  return createNode('input', [], { name } satisfies InputAttributes, [{ dtype, shape }]).outputs[0]!;
}

/** A value fixed when the graph is built. */
export function constant(tensor: Tensor): Value {
  const { dtype, shape } = tensor;
  return createNode('constant', [], { tensor } satisfies ConstantAttributes, [{ dtype, shape }]).outputs[0]!;
}

/** A scalar constant that broadcasts with values of the dtype. */
export function scalar(value: number, dtype: 'float32' | 'float64' = 'float32'): Value {
  const data = dtype === 'float32' ? Float32Array.of(value) : Float64Array.of(value);
  return constant({ dtype, shape: [], data } as Tensor);
}

/** The name of an input value. */
export function inputName(value: Value): string {
  return (value.node.attributes as InputAttributes).name;
}

/** `float32[1, 4, 64, 64]` */
export function describe({ dtype, shape }: TensorType): string {
  return `${dtype}[${shape.join(', ')}]`;
}

export function sameShape(a: Shape, b: Shape): boolean {
  return a.length === b.length && a.every((side, axis) => side === b[axis]);
}

/** Number of elements of a value. */
export function numel(value: TensorType): number {
  return sizeOf(value.shape);
}
