/** Names of text encoders' weights in original files: those of transformers (OpenAI's CLIP), or OpenCLIP's own. */
import type { Form, Place } from './stored-tensors.js';

/** Folders have a CLIP text encoder's weights under this, or, since transformers 5, without it; original files always. */
export const TEXT_MODEL = 'text_model.';

/** Where an original file has a weight of OpenAI's CLIP, without the prefix that ends in `transformer.`. */
export function originalClipPlace(key: string): Place {
  return { key: key.startsWith(TEXT_MODEL) ? key : TEXT_MODEL + key, form: 'same' };
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

/** Where an original file has a weight of OpenCLIP; undefined for what OpenCLIP has no weight for. */
export function originalOpenClipPlace(key: string): Place | undefined {
  const bare = key.startsWith(TEXT_MODEL) ? key.slice(TEXT_MODEL.length) : key;
  const [, layer, name, kind] = bare.match(/^encoder\.layers\.(\d+)\.(.+)\.(weight|bias)$/) ?? [];
  if (layer === undefined) return OUTSIDE[bare];
  const block = `transformer.resblocks.${layer}`;
  const form = FUSED[name!];
  if (form !== undefined) return { key: `${block}.attn.in_proj_${kind}`, form };
  const original = LAYER[name!];
  return original === undefined ? undefined : { key: `${block}.${original}.${kind}`, form: 'same' };
}
