/** Networks and batches that have shapes and no values, of which graphs can be built all the same. */
import type { NetworkKind, UNetConfig } from '../../models/index.js';
import { contextWidth } from '../../models/unet-2d-condition-config.js';
import { type Network, type Parameters, Scope, type Weight } from '../../nn/index.js';
import type { Addition } from '../../peft/index.js';
import type { Tensor } from '../../tensor/index.js';
import type { DiffusionBatch } from '../diffusion-objective.js';

/** The network without its weights. */
export function shapeOnlyNetwork<Config>(
  name: string,
  kind: NetworkKind<Config>,
  config: Config,
  dtype: Weight['dtype'] = 'float32',
): Network<Config> {
  const declared = Scope.declared(name, (scope) => kind.declare(scope, config));
  const parameters: Parameters = new Map(
    [...declared].map(([key, { shape }]) => [key, shapeOnly(shape, dtype) as Weight]),
  );
  return { name, config, parameters };
}

/** Gives a network what a method adds to it, without values. */
export function adaptShapeOnly(network: Network, { parameters: added, adapt }: Addition): Network {
  const parameters: Parameters = new Map([...added].map(([key, { shape }]) => [key, shapeOnly(shape)]));
  const own = { name: `${network.name}.added`, config: undefined, parameters };
  network.adaptations = [{ network: own, adapt }];
  return own;
}

/** A batch of `latents` [C, h, w] and text states of `tokens`. */
export function shapeOnlyBatch(
  config: UNetConfig,
  { batch, latents, tokens }: { batch: number; latents: readonly number[]; tokens: number },
): DiffusionBatch {
  const { projection_class_embeddings_input_dim: width, addition_time_embed_dim: timeWidth } = config;
  const added = config.addition_embed_type && {
    pooled: shapeOnly([batch, width! - TIME_IDS * timeWidth!]),
    timeIds: shapeOnly([batch, TIME_IDS]),
  };
  return {
    latents: shapeOnly([batch, ...latents]),
    noise: shapeOnly([batch, ...latents]),
    timesteps: new Int32Array(batch),
    condition: shapeOnly([batch, tokens, contextWidth(config)]),
    ...added,
  };
}

/** Original height and width, crop top and left, target height and width. */
const TIME_IDS = 6;

const NOTHING = { float32: new Float32Array(), float16: new Uint16Array() };

function shapeOnly(shape: readonly number[], dtype: Weight['dtype'] = 'float32'): Tensor<'float32'> {
  return { dtype, shape, data: NOTHING[dtype] } as Tensor as Tensor<'float32'>;
}
