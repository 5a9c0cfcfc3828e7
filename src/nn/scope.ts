/** A path into a network's checkpoint: layers ask it for their weights, so the code's structure is the map of keys. */
import { InputError } from '../errors.js';
import { input, type Shape, sameShape, type Value } from '../graph/index.js';
import { cast } from '../ops/index.js';
import { type Tensor, tensor } from '../tensor/index.js';
import type { AdaptLayer, Draw, Layer } from './adaptation.js';
import { type Initializer, initialTensor, ZEROS } from './initializers.js';
import { type Network, type Parameters, parameterInput, type Weight } from './parameters.js';

/** Where the shapes of weights come from: a checkpoint that must hold them, or a list to be filled. */
interface Declarations {
  /** Gives the type that the weight is kept in. */
  declare(key: string, shape: Shape, initializer: Initializer): Weight['dtype'];
  has(key: string): boolean;
  /** The shape that a weight has already, if it has one. */
  shapeOf?(key: string): Shape | undefined;
}

/** What all scopes of a network share. */
interface Root {
  readonly component: string;
  readonly declarations: Declarations;
  /** By checkpoint key. */
  readonly values: Map<string, Value>;
  /** By the name of the input; undefined where the graph is not for training. */
  readonly draws: Map<string, Draw> | undefined;
  /** What changes the layers, each with the scope of its own parameters. */
  readonly adaptations: readonly { readonly adapt: AdaptLayer; readonly scope: Scope }[];
}

export interface ScopeOptions {
  /** Whether the graph is for training, where layers may draw at random; false unless said. */
  training?: boolean;
}

/** A weight before it exists. */
export interface Declaration {
  readonly shape: Shape;
  readonly initializer: Initializer;
}

export class Scope {
  private constructor(
    private readonly root: Root,
    /** The key so far, such as `down_blocks.0.resnets.1`; empty at the root. */
    readonly path: string,
  ) {}

  /** Reads the shapes of a network's weights; a missing or misshapen weight is an InputError that names its key. */
  static of(
    network: Pick<Network, 'name' | 'parameters' | 'adaptations'>,
    { training = false }: ScopeOptions = {},
  ): Scope {
    return Scope.over(network, training ? new Map() : undefined);
  }

  private static over(
    { name, parameters, adaptations = [] }: Pick<Network, 'name' | 'parameters' | 'adaptations'>,
    draws: Map<string, Draw> | undefined,
  ): Scope {
    const declarations: Declarations = {
      has: (key) => parameters.has(key),
      shapeOf: (key) => parameters.get(key)?.shape,
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
    const scopes = adaptations.map(({ network, adapt }) => ({ adapt, scope: Scope.over(network, draws) }));
    return new Scope({ component: name, declarations, values: new Map(), draws, adaptations: scopes }, '');
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
    build(Scope.plain(name, declarations));
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
    build(Scope.plain(name, declarations));
    return declared;
  }

  private static plain(component: string, declarations: Declarations): Scope {
    return new Scope({ component, declarations, values: new Map(), draws: undefined, adaptations: [] }, '');
  }

  /** The scope of a submodule: `scope.at('down_blocks', 0, 'resnets', 1)`. */
  at(...names: readonly (string | number)[]): Scope {
    return new Scope(this.root, this.key(names.join('.')));
  }

  /** Whether the checkpoint has a weight of this name here (always, when weights are being initialized). */
  has(name: string): boolean {
    return this.root.declarations.has(this.key(name));
  }

  /** The weight `name` here in float32: a graph input, or one made float32; asking twice gives the same value. */
  param(name: string, shape: Shape, initializer: Initializer): Value {
    const { component, declarations, values } = this.root;
    const key = this.key(name);
    const known = values.get(key);
    if (known) return known;
    const dtype = declarations.declare(key, shape, initializer);
    const kept = input(parameterInput({ name: component }, key), shape, dtype);
    const value = dtype === 'float32' ? kept : cast(kept, 'float32');
    values.set(key, value);
    return value;
  }

  /** The weight `name` here, of whatever shape it has; undefined where there is none. */
  found(name: string): Value | undefined {
    const shape = this.root.declarations.shapeOf?.(this.key(name));
    return shape && this.param(name, shape, ZEROS);
  }

  /** What the layer here gives: y, or what the network's adaptations make of it, one after the other. */
  adapted(layer: Layer): Value {
    return this.root.adaptations.reduce(
      (y, { adapt, scope }) => adapt({ ...layer, y }, scope.at(this.path)),
      layer.y,
    );
  }

  /** An input that is drawn anew for every step; undefined where the graph is not for training. */
  draw(what: string, draw: Draw): Value | undefined {
    const { component, draws } = this.root;
    if (!draws) return undefined;
    const name = `${what} of ${parameterInput({ name: component }, this.path)}`;
    draws.set(name, draw);
    return input(name, draw.shape);
  }

  /** Every weight asked for so far under the root, by checkpoint key. */
  get parameters(): ReadonlyMap<string, Value> {
    return this.root.values;
  }

  /** The same by the names of their inputs, together with those of the network's adaptations. */
  get inputs(): Map<string, Value> {
    const { component, values, adaptations } = this.root;
    const own = [...values].map(([key, value]) => [parameterInput({ name: component }, key), value] as const);
    return new Map([...own, ...adaptations.flatMap(({ scope }) => [...scope.inputs])]);
  }

  /** What was asked to be drawn so far, by the names of the inputs. */
  get draws(): ReadonlyMap<string, Draw> {
    return this.root.draws ?? new Map();
  }

  private key(name: string): string {
    return this.path === '' ? name : `${this.path}.${name}`;
  }
}
