/** The config.json of an autoencoder that exists as an original file: read off the shapes of its weights. */
import type { JsonObject } from '../config.js';
import type { Family } from './families.js';
import { countNumbered, normGroups, type Shapes } from './shapes.js';

/** A config.json that diffusers reads; what shapes do not tell is the family's. */
export function vaeConfigOf(shapes: Shapes, family: Family): JsonObject {
  const levels = countNumbered(shapes, 'encoder.down.');
  const widths = Array.from(
    { length: levels },
    (_, level) => shapes.get(`encoder.down.${level}.block.0.conv1.weight`)?.[0],
  );
  const known = widths.filter((width) => width !== undefined);
  return {
    ...family.vae,
    block_out_channels: known,
    down_block_types: known.map(() => 'DownEncoderBlock2D'),
    in_channels: shapes.get('encoder.conv_in.weight')?.[1],
    latent_channels: shapes.get('decoder.conv_in.weight')?.[1],
    layers_per_block: countNumbered(shapes, 'encoder.down.0.block.'),
    mid_block_add_attention: shapes.has('encoder.mid.attn_1.q.weight'),
    norm_num_groups: normGroups(known),
    out_channels: shapes.get('decoder.conv_out.weight')?.[0],
    up_block_types: known.map(() => 'UpDecoderBlock2D'),
    use_post_quant_conv: shapes.has('post_quant_conv.weight'),
    use_quant_conv: shapes.has('quant_conv.weight'),
  };
}
