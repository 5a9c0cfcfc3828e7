/** The config.json of a text encoder that exists as an original file: read off the shapes of its weights. */
import type { JsonObject } from '../config.js';
import type { TextEncoderFamily } from './families.js';
import { countNumbered, type Shapes } from './shapes.js';

/** Of every published text encoder. */
const HEAD_WIDTH = 64;

/** A config.json that transformers reads; what shapes do not tell is the family's. */
export function textConfigOf(shapes: Shapes, encoder: TextEncoderFamily): JsonObject {
  const names = encoder.openClip
    ? {
        layers: 'transformer.resblocks.',
        tokens: 'token_embedding.weight',
        positions: 'positional_embedding',
        hidden: 'transformer.resblocks.0.mlp.c_fc.weight',
      }
    : {
        layers: 'text_model.encoder.layers.',
        tokens: 'text_model.embeddings.token_embedding.weight',
        positions: 'text_model.embeddings.position_embedding.weight',
        hidden: 'text_model.encoder.layers.0.mlp.fc1.weight',
      };
  const kept = new Map([...shapes].filter(([key]) => !encoder.without.test(key)));
  const width = kept.get(names.tokens)?.[1];
  return {
    ...encoder.config,
    hidden_size: width,
    intermediate_size: kept.get(names.hidden)?.[0],
    max_position_embeddings: kept.get(names.positions)?.[0],
    num_attention_heads: Math.max(1, Math.floor((width ?? 0) / HEAD_WIDTH)),
    num_hidden_layers: countNumbered(kept, names.layers),
    projection_dim: kept.get('text_projection')?.[1] ?? width,
    vocab_size: kept.get(names.tokens)?.[0],
  };
}
