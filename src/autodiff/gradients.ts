/** Reverse-mode differentiation: from a graph of values, new values that compute gradients. */
import { ancestors, GraphError, type Node, numel, type Value } from '../graph/index.js';
import { add, expand, like, type OperatorName } from '../ops/index.js';
import { GRADIENT_RULES, type GradientRule } from './rules.js';

/** d loss / d w for each w; undefined where the loss does not depend on it. The loss has one element. */
export function gradients(loss: Value, wrt: readonly Value[]): (Value | undefined)[] {
  if (numel(loss) !== 1)
    throw new GraphError(`gradients: expected a loss of one element, got [${loss.shape}]`);
  return vectorJacobianProduct(new Map([[loss, onesLike(loss)]]), wrt);
}

/** The gradient of a loss with respect to itself. */
export function onesLike(value: Value): Value {
  return expand(like(value, 1), value.shape);
}

/**
 * Σ dyᵀ ∂y/∂w over the given (y, dy), for each w. `reread` may give the rules another value, equal to one of the forward
 * pass, to read instead of it.
 */
export function vectorJacobianProduct(
  seeds: ReadonlyMap<Value, Value>,
  wrt: readonly Value[],
  reread: (value: Value) => Value = (value) => value,
): (Value | undefined)[] {
  const nodes = ancestors([...seeds.keys()]);
  const relevant = dependents(nodes, wrt);
  const collected = new Map<Value, Value>(seeds);
  const accumulate = (value: Value, gradient: Value) => {
    const known = collected.get(value);
    collected.set(value, known ? add(known, gradient) : gradient);
  };
  for (const node of nodes.reverse()) {
    const [y] = node.outputs;
    const dy = collected.get(y!);
    if (!dy || node.inputs.length === 0) continue;
    const rule = GRADIENT_RULES[node.op as OperatorName] as GradientRule<unknown>;
    rule(dy, { ...node, inputs: node.inputs.map(reread) }).forEach((build, i) => {
      const value = node.inputs[i]!;
      if (build && relevant.has(value)) accumulate(value, build());
    });
  }
  return wrt.map((value) => collected.get(value));
}

/** The values that depend on any of `sources`, the sources included. */
function dependents(nodes: readonly Node[], sources: readonly Value[]): Set<Value> {
  const found = new Set(sources);
  for (const node of nodes) {
    if (node.inputs.some((value) => found.has(value))) for (const output of node.outputs) found.add(output);
  }
  return found;
}
