/** A path into a network's checkpoint: layers ask it for their weights, so the code's structure is the map of keys. */
import { InputError } from '../errors.js';
import { input, type Shape, sameShape, type Value } from '../graph/index.js';
import { cast } from '../ops/index.js';
import { type Tensor, tensor } from '../tensor/index.js';
import { type Initializer, initialTensor } from './initializers.js';
import type { Network, Parameters, Weight } from './parameters.js';

/** Where the shapes of weights come from: a checkpoint that must hold them, or a list to be filled. */
interface Declarations {
  /** Gives the type that the weight is kept in. */
  declare(key: string, shape: Shape, initializer: Initializer): Weight['dtype'];
  has(key: string): boolean;
}

/** A weight before it exists. */
export interface Declaration {
  readonly shape: Shape;
  readonly initializer: Initializer;
}

export class Scope {
  private constructor(
    private readonly component: string,
    private readonly declarations: Declarations,
    private readonly values: Map<string, Value>,
    /** The key so far, such as `down_blocks.0.resnets.1`; empty at the root. */
    readonly path: string,
  ) {}

  /** Reads the shapes of a network's weights; a missing or misshapen weight is an InputError that names its key. */
  static of(network: Pick<Network, 'name' | 'parameters'>): Scope {
    const { name, parameters } = network;
    const declarations: Declarations = {
      has: (key) => parameters.has(key),
      declare: (key, shape) => {
        const found = parameters.get(key);
        if (!found) {
          throw new InputError(
            `${name}: the configuration needs the weight "${key}" [${shape}], which the checkpoint lacks`,
          );
        }
        if (!sameShape(found.shape, shape)) {
          throw new InputError(
            `${name}: weight "${key}" should be [${shape}] by the configuration but is [${found.shape}]`,
          );
        }
        return found.dtype;
      },
    };
    return new Scope(name, declarations, new Map(), '');
  }

  /** Draws new weights for the network that `build` describes, keyed by seed and checkpoint key. */
  static initialize(name: string, seed: number, build: (scope: Scope) => unknown): Parameters {
    const parameters = new Map<string, Tensor<'float32'>>();
    const declarations: Declarations = {
      has: () => true,
      declare: (key, shape, initializer) => {
        parameters.set(key, tensor(shape, initialTensor(initializer, shape, seed, `${name}.${key}`)));
        return 'float32';
      },
    };
    build(new Scope(name, declarations, new Map(), ''));
    return parameters;
  }

  /** What the network that `build` describes asks for, in that order, without making any of it. */
  static declared(name: string, build: (scope: Scope) => unknown): Map<string, Declaration> {
    const declared = new Map<string, Declaration>();
    const declarations: Declarations = {
      has: () => true,
      declare: (key, shape, initializer) => {
        declared.set(key, { shape, initializer });
        return 'float32';
      },
    };
    build(new Scope(name, declarations, new Map(), ''));
    return declared;
  }

  /** The scope of a submodule: `scope.at('down_blocks', 0, 'resnets', 1)`. */
  at(...names: readonly (string | number)[]): Scope {
    return new Scope(this.component, this.declarations, this.values, this.key(names.join('.')));
  }

  /** Whether the checkpoint has a weight of this name here (always, when weights are being initialized). */
  has(name: string): boolean {
    return this.declarations.has(this.key(name));
  }

  /** The weight `name` here in float32: a graph input, or one made float32; asking twice gives the same value. */
  param(name: string, shape: Shape, initializer: Initializer): Value {
    const key = this.key(name);
    const known = this.values.get(key);
    if (known) return known;
    const dtype = this.declarations.declare(key, shape, initializer);
    const kept = input(`${this.component}.${key}`, shape, dtype);
    const value = dtype === 'float32' ? kept : cast(kept, 'float32');
    this.values.set(key, value);
    return value;
  }

  /** Every weight asked for so far under the root, by checkpoint key. */
  get parameters(): ReadonlyMap<string, Value> {
    return this.values;
  }

  private key(name: string): string {
    return this.path === '' ? name : `${this.path}.${name}`;
  }
}
