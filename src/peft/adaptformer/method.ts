/** AdaptFormer: a bottleneck beside each transformer block's feed-forward network trains. */
import { InputError } from '../../errors.js';
import { type Adaptation, type Network, type Parameters, ZEROS } from '../../nn/index.js';
import type { AdamWOptions } from '../adamw.js';
import { type Adapter, nameOf } from '../adapter/adapter.js';
import { readParameter } from '../adapter/parameters.js';
import {
  ADDITION_COST,
  AdamWAddition,
  type AddedParameter,
  type Addition,
  nearestWidth,
} from '../addition.js';
import type { Method } from '../method.js';
import { adaptFormerLayer } from './layer.js';

export interface AdaptFormerOptions extends AdamWOptions {
  /** d, the same in all blocks; 64 unless said or found by `targetParameters`. */
  width?: number | undefined;
  /** Finds the width whose number of parameters comes nearest. */
  targetParameters?: number | undefined;
  /** Names what is drawn for the projections down. */
  seed?: number | undefined;
}

const DEFAULT_WIDTH = 64;
/** s, which the paper finds best. */
const SCALE = 0.1;

/** A transformer block and its channels, told by the norm before its feed-forward network. */
const BLOCK = /^(.+)\.norm3\.weight$/;

function addition(network: Network, options: AdaptFormerOptions): Addition {
  const blocks = blocksOf(network, options.parameters);
  const { width: given, targetParameters } = options;
  if (given !== undefined && targetParameters !== undefined) {
    throw new InputError(
      `a width or a number of parameters is taken, got ${given} and ${targetParameters}; leave one out`,
    );
  }
  const channels = [...blocks.values()].reduce((sum, count) => sum + count, 0);
  const found = targetParameters && nearestWidth(targetParameters, 2 * channels + blocks.size, channels);
  const width = given ?? (found || DEFAULT_WIDTH);
  const parameters = [...blocks].flatMap(([path, count]): [string, AddedParameter][] => [
    [`${path}.down.weight`, { shape: [width, count], initial: { kind: 'fan-in', fanIn: count } }],
    [`${path}.down.bias`, { shape: [width], initial: ZEROS }],
    [`${path}.up.weight`, { shape: [count, width], initial: ZEROS }],
    [`${path}.up.bias`, { shape: [count], initial: ZEROS }],
  ]);
  return { parameters: new Map(parameters), adapt: adaptFormerLayer(SCALE) };
}

/** Channels of each transformer block whose norm `chosen` takes. Throws InputError where there are none. */
function blocksOf(
  { name, parameters }: Network,
  chosen: (key: string, network: string) => boolean = () => true,
): Map<string, number> {
  const blocks = new Map<string, number>();
  for (const [key, { shape }] of parameters) {
    const path = BLOCK.exec(key)?.[1];
    if (path !== undefined && chosen(key, name)) blocks.set(path, shape[0]!);
  }
  if (blocks.size > 0) return blocks;
  throw new InputError(
    `the ${name} has no transformer block that may train; AdaptFormer takes those whose norm3.weight --train-only leaves, so leave that out or choose another method`,
  );
}

/** What an adapter makes of the network's layers at a scale. Throws InputError where it does not fit the network. */
function adaptation(
  adapter: Adapter,
  network: Network,
  { name, scale }: { name: string; scale: number },
): Adaptation {
  const parameters: Parameters = new Map();
  for (const key of adapter.tensors.keys()) parameters.set(key, readParameter(adapter, key));
  for (const key of parameters.keys()) {
    const path = key.replace(/\.(down|up)\.(weight|bias)$/, '');
    const channels = network.parameters.get(`${path}.norm3.weight`)?.shape[0];
    const own = parameters.get(`${path}.down.weight`)?.shape;
    const width = own?.[0];
    const expected = { down: [[width, channels], [width]], up: [[channels, width], [channels]] };
    const fits =
      channels !== undefined &&
      own?.length === 2 &&
      (['down', 'up'] as const).every((part) =>
        ['weight', 'bias'].every(
          (kind, i) => String(parameters.get(`${path}.${part}.${kind}`)?.shape) === String(expected[part][i]),
        ),
      );
    if (!fits) {
      throw new InputError(
        `${nameOf(adapter)} has the tensor "${key}", which fits no transformer block of the ${network.name}; name the model that it belongs to`,
      );
    }
  }
  const adapt = adaptFormerLayer(scale * adapter.scale);
  return { network: { name, config: undefined, parameters }, adapt };
}

export const adaptFormer: Method = {
  trains: 'a bottleneck beside the feed-forward network of each transformer block',
  network: 'unet',
  options: ['width', 'targetParameters', 'seed'],
  cost: ADDITION_COST,
  addition,
  createOptimizer: (network, options) =>
    new AdamWAddition(network, addition(network, options), { method: 'adaptformer', scale: SCALE }, options),
  adaptation,
  delta: () => undefined,
  changedKeys: () => [],
};
