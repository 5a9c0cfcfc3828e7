/** Names of an autoencoder's weights in original files (CompVis' model.py). */
import type { Place } from './stored-tensors.js';

/** Projections of the attention in the middle, which are convolutions in the original; older folders have other names. */
const PROJECTIONS: Readonly<Record<string, string>> = {
  to_q: 'q',
  to_k: 'k',
  to_v: 'v',
  'to_out.0': 'proj_out',
  query: 'q',
  key: 'k',
  value: 'v',
  proj_attn: 'proj_out',
};

const ATTENTION = /^(encoder|decoder)\.mid_block\.attentions\.0\.(.+)\.(weight|bias)$/;

/**
 * Where an original file has an autoencoder's weight, without the prefix `first_stage_model.`; `levels` is the number
 * of its resolutions.
 */
export function originalVaePlace(key: string, levels: number): Place {
  const [, side, layer, kind] = key.match(ATTENTION) ?? [];
  if (side !== undefined) {
    const projection = PROJECTIONS[layer!];
    if (projection === undefined) return { key: `${side}.mid.attn_1.norm.${kind}`, form: 'same' };
    const form = kind === 'weight' ? 'convolution' : 'same';
    return { key: `${side}.mid.attn_1.${projection}.${kind}`, form };
  }
  const original = key
    .replace('.conv_norm_out.', '.norm_out.')
    .replace(/\.mid_block\.resnets\.(\d+)\./, (_, block) => `.mid.block_${Number(block) + 1}.`)
    .replace(/\.down_blocks\.(\d+)\.resnets\./, '.down.$1.block.')
    .replace(/\.down_blocks\.(\d+)\.downsamplers\.0\./, '.down.$1.downsample.')
    .replace(/\.up_blocks\.(\d+)\.resnets\./, (_, block) => `.up.${levels - 1 - block}.block.`)
    .replace(/\.up_blocks\.(\d+)\.upsamplers\.0\./, (_, block) => `.up.${levels - 1 - block}.upsample.`)
    .replace('.conv_shortcut.', '.nin_shortcut.');
  return { key: original, form: 'same' };
}
