/** The config.json of a UNet that exists as an original file: read off the shapes of its weights. */
import type { JsonObject } from '../config.js';
import type { Family } from './families.js';
import { normGroups, type Shapes } from './shapes.js';

/** A layer of the original: a resnet, what follows it, and whether the resolution changes after it. */
interface Layer {
  readonly channels: number;
  /** Number of transformer blocks after the resnet; undefined without attention. */
  readonly depth: number | undefined;
  readonly lastOfLevel: boolean;
}

/**
 * A config.json that diffusers reads. What shapes do not tell is the family's; `pooledWidth` is the width of the pooled
 * text where the model takes one.
 */
export function unetConfigOf(
  shapes: Shapes,
  family: Family,
  { sampleSize, pooledWidth }: { sampleSize: number; pooledWidth: number | undefined },
): JsonObject {
  const down = byLevel(inputLayers(shapes));
  const up = byLevel(outputLayers(shapes));
  const widths = down.map(([first]) => first!.channels);
  const middle = middleDepth(shapes);
  const depths = down.map((layers, level) =>
    simplest(layers.map(({ depth }) => depth ?? (level === down.length - 1 ? middle : undefined) ?? 1)),
  );
  const upDepths = up.map((layers) => simplest(layers.map(({ depth }) => depth ?? 1)));
  const mirrored = up.every((layers, i) => {
    const own = depths.at(-1 - i)!;
    return layers.every(({ depth }) => depth === undefined || depth === own);
  });
  const added = shapes.get('label_emb.0.0.weight')?.[1];
  const timeWidth = shapes.get('time_embed.0.weight')?.[0];
  const attends = (layers: readonly Layer[]) => layers.some(({ depth }) => depth !== undefined);

  return {
    ...family.unet,
    addition_time_embed_dim:
      added === undefined ? null : pooledWidth === undefined ? 256 : (added - pooledWidth) / 6,
    attention_head_dim: simplest(widths.map((channels) => family.heads(channels))),
    block_out_channels: widths,
    conv_in_kernel: shapes.get('input_blocks.0.0.weight')?.[2] ?? 3,
    conv_out_kernel: shapes.get('out.2.weight')?.[2] ?? 3,
    cross_attention_dim: sideOf(shapes, /\.transformer_blocks\.0\.attn2\.to_k\.weight$/, 1),
    down_block_types: down.map((layers) => (attends(layers) ? 'CrossAttnDownBlock2D' : 'DownBlock2D')),
    in_channels: shapes.get('input_blocks.0.0.weight')?.[1],
    layers_per_block: simplest(down.map((layers) => layers.length)),
    mid_block_type: middleType(shapes),
    norm_num_groups: normGroups(widths),
    out_channels: shapes.get('out.2.weight')?.[0],
    projection_class_embeddings_input_dim: added ?? null,
    reverse_transformer_layers_per_block: mirrored ? null : upDepths,
    sample_size: sampleSize,
    time_embedding_dim: timeWidth === 4 * widths[0]! ? null : (timeWidth ?? null),
    transformer_layers_per_block: simplest(depths),
    up_block_types: up.map((layers) => (attends(layers) ? 'CrossAttnUpBlock2D' : 'UpBlock2D')),
    use_linear_projection: shapes.get(firstKey(shapes, /\.1\.proj_in\.weight$/) ?? '')?.length === 2,
  };
}

function inputLayers(shapes: Shapes): Layer[] {
  const layers: Layer[] = [];
  for (let block = 1; ; block++) {
    const channels = shapes.get(`input_blocks.${block}.0.in_layers.2.weight`)?.[0];
    if (channels === undefined) {
      if (!shapes.has(`input_blocks.${block}.0.op.weight`)) return layers;
      continue;
    }
    const depth = depthOf(shapes, `input_blocks.${block}.1`);
    layers.push({ channels, depth, lastOfLevel: shapes.has(`input_blocks.${block + 1}.0.op.weight`) });
  }
}

function outputLayers(shapes: Shapes): Layer[] {
  const layers: Layer[] = [];
  for (let block = 0; ; block++) {
    const channels = shapes.get(`output_blocks.${block}.0.in_layers.2.weight`)?.[0];
    if (channels === undefined) return layers;
    const depth = depthOf(shapes, `output_blocks.${block}.1`);
    const upsampled = [1, 2].some((module) => shapes.has(`output_blocks.${block}.${module}.conv.weight`));
    layers.push({ channels, depth, lastOfLevel: upsampled });
  }
}

function byLevel(layers: readonly Layer[]): Layer[][] {
  const levels: Layer[][] = [[]];
  for (const [i, layer] of layers.entries()) {
    levels.at(-1)!.push(layer);
    if (layer.lastOfLevel && i < layers.length - 1) levels.push([]);
  }
  return levels;
}

/** Number of transformer blocks of the attention `name`; undefined where there is none. */
function depthOf(shapes: Shapes, name: string): number | undefined {
  let depth = 0;
  while (shapes.has(`${name}.transformer_blocks.${depth}.norm1.weight`)) depth++;
  return depth === 0 ? undefined : depth;
}

function middleDepth(shapes: Shapes): number | undefined {
  return depthOf(shapes, 'middle_block.1');
}

function middleType(shapes: Shapes): string | null {
  if (!shapes.has('middle_block.0.in_layers.2.weight')) return null;
  return middleDepth(shapes) === undefined ? 'UNetMidBlock2D' : 'UNetMidBlock2DCrossAttn';
}

/** One value where all are equal, as configurations have it. */
function simplest<T>(values: readonly T[]): T | readonly T[] {
  return values.every((value) => value === values[0]) ? values[0]! : values;
}

function firstKey(shapes: Shapes, pattern: RegExp): string | undefined {
  for (const key of shapes.keys()) if (pattern.test(key)) return key;
  return undefined;
}

function sideOf(shapes: Shapes, pattern: RegExp, axis: number): number | undefined {
  return shapes.get(firstKey(shapes, pattern) ?? '')?.[axis];
}
