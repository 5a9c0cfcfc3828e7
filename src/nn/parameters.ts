/** The weights of one network on the host, by checkpoint key, in the order in which the network declares them. */
import { InputError } from '../errors.js';
import { type Tensor, tensor, toFloat32 } from '../tensor/index.js';
import type { Adaptation } from './adaptation.js';

/** A weight is computed with in float32; float16 is a way to keep it in half the memory. */
export type Weight = Tensor<'float32'> | Tensor<'float16'>;

export type Parameters = Map<string, Weight>;

/** A network that can be run and trained: a name, the configuration it is built from, and its weights. */
export interface Network<Config = unknown> {
  /** The component's name in a diffusers folder, such as `unet`; also the prefix of its inputs in graphs. */
  readonly name: string;
  readonly config: Config;
  readonly parameters: Parameters;
  /** What changes its layers, in this order. A list is never changed, but exchanged for another. */
  adaptations?: readonly Adaptation[];
}

/** The weight's values in float32: the weight itself where it is kept so. */
export function asFloat32(weight: Weight): Tensor<'float32'> {
  return weight.dtype === 'float32' ? weight : tensor(weight.shape, toFloat32(weight));
}

/** A weight's own array, to be written into. Throws InputError where the network is kept in another type than float32. */
export function float32Array(network: Network, key: string): Float32Array {
  const { dtype, data } = network.parameters.get(key)!;
  if (dtype === 'float32') return data as Float32Array;
  throw new InputError(
    `the ${network.name} is kept in ${dtype}, but its weight "${key}" is to be changed as float32; leave --weight-dtype out`,
  );
}

/** Total number of weights. */
export function countParameters(parameters: Parameters): number {
  let total = 0;
  for (const { data } of parameters.values()) total += data.length;
  return total;
}

/** A deep copy in float32, for comparing before and after. */
export function copyParameters(parameters: Parameters): Parameters {
  return new Map(
    [...parameters].map(([key, weight]) => [key, tensor(weight.shape, toFloat32(weight).slice())]),
  );
}

/** The name under which a network's weight is an input of a graph. */
export function parameterInput(network: Pick<Network, 'name'>, key: string): string {
  return `${network.name}.${key}`;
}

/** The weights of networks and of what adapts them as feeds for a graph; the arrays themselves, not copies. */
export function parameterFeeds(...networks: readonly Network[]): Map<string, Tensor> {
  const feeds = new Map<string, Tensor>();
  for (const network of networks) {
    for (const [key, value] of network.parameters) feeds.set(parameterInput(network, key), value);
    const added = (network.adaptations ?? []).map((adaptation) => adaptation.network);
    for (const [name, value] of added.length > 0 ? parameterFeeds(...added) : []) feeds.set(name, value);
  }
  return feeds;
}
