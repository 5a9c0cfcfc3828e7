/** Names of text encoders' weights in original files: those of transformers (OpenAI's CLIP), or OpenCLIP's own. */
import type { TextEncoderFamily } from './families.js';
import type { Form, Place } from './stored-tensors.js';

/** Folders have a CLIP text encoder's weights under this, or, since transformers 5, without it; original files always. */
const TEXT_MODEL = 'text_model.';

/** The one key that is no weight, as folders have it. */
export const POSITION_IDS = `${TEXT_MODEL}embeddings.position_ids`;

/** Where an original file has a text encoder's tensor, without the encoder's prefix. */
export function originalTextPlace(
  { openClip, positionIds }: Pick<TextEncoderFamily, 'openClip' | 'positionIds'>,
  key: string,
): Place {
  const bare = key.startsWith(TEXT_MODEL) ? key.slice(TEXT_MODEL.length) : key;
  if (TEXT_MODEL + bare === POSITION_IDS) return { key: positionIds, form: 'same' };
  return openClip ? openClipPlace(bare) : { key: TEXT_MODEL + bare, form: 'same' };
}

/** Outside the layers: transformers' name, OpenCLIP's. */
const OUTSIDE: Readonly<Record<string, Place>> = {
  'embeddings.token_embedding.weight': { key: 'token_embedding.weight', form: 'same' },
  'embeddings.position_embedding.weight': { key: 'positional_embedding', form: 'same' },
  'final_layer_norm.weight': { key: 'ln_final.weight', form: 'same' },
  'final_layer_norm.bias': { key: 'ln_final.bias', form: 'same' },
  'text_projection.weight': { key: 'text_projection', form: 'transposed' },
};

/** Inside a layer: transformers' name, OpenCLIP's. */
const LAYER: Readonly<Record<string, string>> = {
  layer_norm1: 'ln_1',
  layer_norm2: 'ln_2',
  'mlp.fc1': 'mlp.c_fc',
  'mlp.fc2': 'mlp.c_proj',
  'self_attn.out_proj': 'attn.out_proj',
};

/** Queries, keys and values, which OpenCLIP keeps in one matrix. */
const FUSED: Readonly<Record<string, Form>> = {
  'self_attn.q_proj': 'query',
  'self_attn.k_proj': 'key',
  'self_attn.v_proj': 'value',
};

function openClipPlace(bare: string): Place {
  const [, layer, name, kind] = bare.match(/^encoder\.layers\.(\d+)\.(.+)\.(weight|bias)$/) ?? [];
  const block = `transformer.resblocks.${layer}`;
  const form = FUSED[name ?? ''];
  if (form !== undefined) return { key: `${block}.attn.in_proj_${kind}`, form };
  const layerName = LAYER[name ?? ''];
  const place = layerName === undefined ? OUTSIDE[bare] : `${block}.${layerName}.${kind}`;
  if (place === undefined) throw new RangeError(`OpenCLIP has no name for "${bare}"`);
  return typeof place === 'string' ? { key: place, form: 'same' } : place;
}
