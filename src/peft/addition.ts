/** Methods that add parameters to a network: what they add, how it starts, and an optimizer that trains it. */
import type { Shape } from '../graph/index.js';
import {
  type AdaptLayer,
  type Initializer,
  initialTensor,
  type Network,
  type Parameters,
} from '../nn/index.js';
import { tensor } from '../tensor/index.js';
import { AdamW, type AdamWOptions } from './adamw.js';
import type { Adapter, AdapterInfo } from './adapter/adapter.js';
import { fingerprint } from './adapter/fingerprint.js';
import { packParameters } from './adapter/parameters.js';
import type { MethodCost } from './method.js';
import type { MethodName } from './method-names.js';
import { WHOLE_STATE } from './trained-tensor.js';

/** The value of each parameter and its moments, whatever the network's own weights are kept in. */
const STATE = 4 + WHOLE_STATE;
export const ADDITION_COST: MethodCost = {
  state: { float32: STATE, float16: STATE },
  gradients: 'own parameters',
};

/** What a method adds to a network, before any of it exists. */
export interface Addition {
  /** Its parameters by module path and name, as PEFT names them. */
  readonly parameters: ReadonlyMap<string, AddedParameter>;
  /** How they change what layers compute. */
  readonly adapt: AdaptLayer;
}

export interface AddedParameter {
  readonly shape: Shape;
  /** How it is drawn, or what gives its first values. */
  readonly initial: Initializer | (() => Float32Array);
}

/** Of adapter files: what belongs to each module beside its parameters, and the factor on what the method adds. */
export interface AdditionFile {
  readonly method: MethodName;
  readonly constants?: ReadonlyMap<string, number>;
  readonly scale?: number;
}

/** AdamW on what a method adds to a network. The network is given the addition, and its own weights stay as they are. */
export class AdamWAddition extends AdamW {
  constructor(
    private readonly base: Network,
    addition: Addition,
    private readonly file: AdditionFile,
    { seed = 0, parameters: _, ...options }: AdamWOptions & { seed?: number | undefined },
  ) {
    const network = { ...initialized(base, addition, file.method, seed), config: undefined };
    super(network, options);
    base.adaptations = [{ network, adapt: addition.adapt }];
  }

  override adapter({ model, prefix = '', settings = {}, dtype }: AdapterInfo = {}): Adapter {
    const { base, tensors, file } = this;
    return {
      method: file.method,
      base: { network: base.name, model: model ?? base.name, fingerprint: fingerprint(base) },
      scale: file.scale ?? 1,
      prefix,
      settings,
      tensors: packParameters(tensors[0]!.network.parameters, file.constants ?? new Map(), dtype),
    };
  }
}

function initialized(
  base: Network,
  { parameters: added }: Addition,
  method: MethodName,
  seed: number,
): Pick<Network, 'name' | 'parameters'> {
  const name = `${base.name}.${method}`;
  const parameters: Parameters = new Map();
  for (const [key, { shape, initial }] of added) {
    const values =
      typeof initial === 'function' ? initial() : initialTensor(initial, shape, seed, `${name}.${key}`);
    parameters.set(key, tensor(shape, values));
  }
  return { name, parameters };
}

/**
 * The rank or width with which what is added comes nearest to `target` parameters: each unit of it adds `each`, and `fixed`
 * are there whatever it is. At least 1.
 */
export function nearestWidth(target: number, each: number, fixed = 0): number {
  return Math.max(1, Math.round((target - fixed) / each));
}
