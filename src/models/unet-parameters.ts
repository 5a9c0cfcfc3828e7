/** The weights of a UNet without a checkpoint: keys, shapes, and the order in which diffusers lists them. */
import { input, type Shape } from '../graph/index.js';
import { type Declaration, Scope } from '../nn/index.js';
import { unet2DCondition } from './unet-2d-condition.js';
import { contextWidth, type UNetConfig } from './unet-2d-condition-config.js';

/** Asks for every weight of the UNet, in the order of diffusers' `unet.parameters()`. */
export function declareUNet(scope: Scope, config: UNetConfig): void {
  for (const [key, { shape, initializer }] of declarations(config)) scope.param(key, shape, initializer);
}

/** Shapes of all weights by checkpoint key, in the order of diffusers' `unet.parameters()`. */
export function unetParameterShapes(config: UNetConfig): Map<string, Shape> {
  return new Map(declarations(config).map(([key, { shape }]) => [key, shape]));
}

function declarations(config: UNetConfig): [string, Declaration][] {
  return inModuleOrder([...Scope.declared('unet', (scope) => traceSmallest(scope, config))]);
}

/** Builds the graph on inputs as small as they can be, for the sake of the weights it asks for. */
function traceSmallest(scope: Scope, config: UNetConfig): void {
  const side = 2 ** config.block_out_channels.length;
  const { projection_class_embeddings_input_dim: width, addition_time_embed_dim: timeWidth } = config;
  const addedConditions = config.addition_embed_type && {
    textEmbeds: input('text_embeds', [1, width! - 6 * timeWidth!]),
    timeIds: input('time_ids', [1, 6]),
  };
  unet2DCondition(scope, config, {
    sample: input('sample', [1, config.in_channels, side, side]),
    timestep: input('timestep', [1]),
    encoderHiddenStates: input('encoder_hidden_states', [1, 1, contextWidth(config)]),
    addedConditions: addedConditions ?? undefined,
  });
}

/** Modules and layers in the order in which the constructors of diffusers make them, which is not the running order. */
const MODULES = [
  'conv_in',
  'time_embedding',
  'add_embedding',
  'down_blocks',
  'up_blocks',
  'mid_block',
  'conv_norm_out',
  'conv_out',
];
const LAYERS = ['attentions', 'resnets', 'downsamplers', 'upsamplers'];

/** Sorts by module, block and kind of layer; inside a layer the running order is already that of diffusers. */
function inModuleOrder<T>(entries: readonly [string, T][]): [string, T][] {
  const place = (key: string): number => {
    const [, module, block = 0, layer] = key.match(/^(\w+)(?:\.(\d+))?\.(\w+)/)!;
    return (MODULES.indexOf(module!) * 100 + Number(block)) * 10 + LAYERS.indexOf(layer!);
  };
  return entries.toSorted(([a], [b]) => place(a) - place(b));
}
