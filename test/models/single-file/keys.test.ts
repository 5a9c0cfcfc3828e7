/** Names and forms of autoencoders' and text encoders' weights in original files: the published ones, typed by hand. */
import { describe, expect, test } from 'vitest';
import { originalTextPlace } from '../../../src/models/single-file/text-keys.js';
import { originalVaePlace } from '../../../src/models/single-file/vae-keys.js';

/** Of an autoencoder with four resolutions: diffusers' key, original key, form. */
const VAE: [string, string, string][] = [
  ['encoder.conv_in.weight', 'encoder.conv_in.weight', 'same'],
  ['encoder.down_blocks.0.resnets.0.norm1.weight', 'encoder.down.0.block.0.norm1.weight', 'same'],
  ['encoder.down_blocks.1.resnets.0.conv_shortcut.bias', 'encoder.down.1.block.0.nin_shortcut.bias', 'same'],
  ['encoder.down_blocks.2.downsamplers.0.conv.weight', 'encoder.down.2.downsample.conv.weight', 'same'],
  ['encoder.down_blocks.3.resnets.1.conv2.bias', 'encoder.down.3.block.1.conv2.bias', 'same'],
  ['encoder.mid_block.resnets.0.conv1.weight', 'encoder.mid.block_1.conv1.weight', 'same'],
  ['encoder.mid_block.resnets.1.norm2.bias', 'encoder.mid.block_2.norm2.bias', 'same'],
  ['encoder.mid_block.attentions.0.group_norm.weight', 'encoder.mid.attn_1.norm.weight', 'same'],
  ['encoder.mid_block.attentions.0.to_q.weight', 'encoder.mid.attn_1.q.weight', 'convolution'],
  ['encoder.mid_block.attentions.0.to_k.bias', 'encoder.mid.attn_1.k.bias', 'same'],
  ['decoder.mid_block.attentions.0.to_out.0.weight', 'decoder.mid.attn_1.proj_out.weight', 'convolution'],
  ['decoder.mid_block.attentions.0.query.weight', 'decoder.mid.attn_1.q.weight', 'convolution'],
  ['decoder.mid_block.attentions.0.value.bias', 'decoder.mid.attn_1.v.bias', 'same'],
  ['decoder.mid_block.attentions.0.proj_attn.weight', 'decoder.mid.attn_1.proj_out.weight', 'convolution'],
  ['encoder.conv_norm_out.weight', 'encoder.norm_out.weight', 'same'],
  ['decoder.conv_norm_out.bias', 'decoder.norm_out.bias', 'same'],
  ['decoder.up_blocks.0.resnets.2.conv1.weight', 'decoder.up.3.block.2.conv1.weight', 'same'],
  ['decoder.up_blocks.0.upsamplers.0.conv.weight', 'decoder.up.3.upsample.conv.weight', 'same'],
  ['decoder.up_blocks.2.resnets.0.conv_shortcut.weight', 'decoder.up.1.block.0.nin_shortcut.weight', 'same'],
  ['decoder.up_blocks.3.resnets.0.norm2.weight', 'decoder.up.0.block.0.norm2.weight', 'same'],
  ['decoder.conv_out.bias', 'decoder.conv_out.bias', 'same'],
  ['quant_conv.weight', 'quant_conv.weight', 'same'],
  ['post_quant_conv.bias', 'post_quant_conv.bias', 'same'],
];

const OPEN_CLIP: [string, string, string][] = [
  ['text_model.embeddings.token_embedding.weight', 'token_embedding.weight', 'same'],
  ['text_model.embeddings.position_embedding.weight', 'positional_embedding', 'same'],
  ['text_model.encoder.layers.0.layer_norm1.weight', 'transformer.resblocks.0.ln_1.weight', 'same'],
  ['text_model.encoder.layers.22.layer_norm2.bias', 'transformer.resblocks.22.ln_2.bias', 'same'],
  [
    'text_model.encoder.layers.3.self_attn.q_proj.weight',
    'transformer.resblocks.3.attn.in_proj_weight',
    'query',
  ],
  ['text_model.encoder.layers.3.self_attn.k_proj.bias', 'transformer.resblocks.3.attn.in_proj_bias', 'key'],
  [
    'text_model.encoder.layers.3.self_attn.v_proj.weight',
    'transformer.resblocks.3.attn.in_proj_weight',
    'value',
  ],
  [
    'text_model.encoder.layers.3.self_attn.out_proj.bias',
    'transformer.resblocks.3.attn.out_proj.bias',
    'same',
  ],
  ['text_model.encoder.layers.9.mlp.fc1.weight', 'transformer.resblocks.9.mlp.c_fc.weight', 'same'],
  ['encoder.layers.31.mlp.fc2.bias', 'transformer.resblocks.31.mlp.c_proj.bias', 'same'],
  ['text_model.final_layer_norm.weight', 'ln_final.weight', 'same'],
  ['final_layer_norm.bias', 'ln_final.bias', 'same'],
  ['text_projection.weight', 'text_projection', 'transposed'],
];

describe('autoencoder', () => {
  test.each(VAE)('%s is %s', (key, original, form) => {
    expect(originalVaePlace(key, 4)).toEqual({ key: original, form });
  });
});

const OPEN = { openClip: true, positionIds: 'transformer.text_model.embeddings.position_ids' };
const CLOSED = { openClip: false, positionIds: 'text_model.embeddings.position_ids' };

describe('OpenCLIP', () => {
  test.each(OPEN_CLIP)('%s is %s', (key, original, form) => {
    expect(originalTextPlace(OPEN, key)).toEqual({ key: original, form });
  });

  test('has position ids where scripts put them', () => {
    const place = { key: OPEN.positionIds, form: 'same' };
    expect(originalTextPlace(OPEN, 'text_model.embeddings.position_ids')).toEqual(place);
  });
});

test("OpenAI's CLIP keeps transformers' published names", () => {
  const key = 'text_model.encoder.layers.11.self_attn.q_proj.weight';
  expect(originalTextPlace(CLOSED, key)).toEqual({ key, form: 'same' });
  expect(originalTextPlace(CLOSED, key.slice('text_model.'.length))).toEqual({ key, form: 'same' });
});
