/** The weights of one network on the host, by checkpoint key, in the order in which the network declares them. */
import { type Tensor, tensor } from '../tensor/index.js';

export type Parameters = Map<string, Tensor<'float32'>>;

/** A network that can be run and trained: a name, the configuration it is built from, and its weights. */
export interface Network<Config = unknown> {
  /** The component's name in a diffusers folder, such as `unet`; also the prefix of its inputs in graphs. */
  readonly name: string;
  readonly config: Config;
  readonly parameters: Parameters;
}

/** Total number of weights. */
export function countParameters(parameters: Parameters): number {
  let total = 0;
  for (const { data } of parameters.values()) total += data.length;
  return total;
}

/** A deep copy, for comparing before and after or for an average of weights. */
export function copyParameters(parameters: Parameters): Parameters {
  return new Map([...parameters].map(([key, { shape, data }]) => [key, tensor(shape, data.slice())]));
}

/** The name under which a network's weight is an input of a graph. */
export function parameterInput(network: Pick<Network, 'name'>, key: string): string {
  return `${network.name}.${key}`;
}

/** The weights of networks as feeds for a graph; the arrays themselves, not copies. */
export function parameterFeeds(...networks: readonly Network[]): Map<string, Tensor> {
  const feeds = new Map<string, Tensor>();
  for (const network of networks) {
    for (const [key, value] of network.parameters) feeds.set(parameterInput(network, key), value);
  }
  return feeds;
}
