/** CLIP text encoders: golden cases, configurations, where texts end. */
import { describe, expect, it } from 'vitest';
import { runTextCase } from '../../golden/text.js';
import { InputError } from '../../src/errors.js';
import { input } from '../../src/graph/index.js';
import { clipTextModel, parseClipTextConfig, pooledRows } from '../../src/models/index.js';
import { Scope } from '../../src/nn/index.js';
import { tensorOf } from '../../src/tensor/index.js';

describe('golden text encoders', () => {
  it.each([
    ['clip-l', 205],
    ['openclip-h', 4],
    ['clip-g', 3],
  ])('%s', async (name, count) => {
    const checks = await runTextCase(`test/fixtures/text/${name}`);
    expect(checks).toHaveLength(count);
    expect(checks.filter(({ error, tolerance }) => !(error <= tolerance))).toEqual([]);
  });
});

describe('pooledRows', () => {
  const ids = tensorOf('int32', [3, 4], Int32Array.of(1, 9, 5, 9, 1, 5, 9, 2, 1, 2, 3, 4));

  it('takes the first of the largest ids where the end id is 2', () => {
    const rows = pooledRows(parseClipTextConfig({ eos_token_id: 2 }), ids);
    expect([...rows.data]).toEqual([1, 4 + 2, 8 + 3]);
  });

  it('takes the first end id otherwise, and the first position where there is none', () => {
    const rows = pooledRows(parseClipTextConfig({ eos_token_id: 5 }), ids);
    expect([...rows.data]).toEqual([2, 4 + 1, 8]);
  });
});

describe('parseClipTextConfig', () => {
  it.each([
    [
      { hidden_act: 'swiglu' },
      /text_encoder.*hidden_act "swiglu" is not supported; expected one of "quick_gelu"/,
    ],
    [{ hidden_size: 10, num_attention_heads: 3 }, /num_attention_heads 3 .*divisor of hidden_size, 10/],
    [{ architectures: ['T5EncoderModel'] }, /architectures.0 "T5EncoderModel"/],
    [{ num_hidden_layers: 1.5 }, /num_hidden_layers 1.5/],
  ])('refuses %j', (json, message) => {
    expect(() => parseClipTextConfig(json)).toThrow(InputError);
    expect(() => parseClipTextConfig(json)).toThrow(message);
  });
});

it('has the published names in new networks, and a projection only where the config has one', () => {
  const json = { hidden_size: 8, num_attention_heads: 2, num_hidden_layers: 1, projection_dim: 6 };
  const keysOf = (architecture: string) => {
    const config = parseClipTextConfig({ ...json, architectures: [architecture] });
    const declared = Scope.declared('text_encoder', (scope) =>
      clipTextModel(scope, config, {
        inputIds: input('ids', [1, 5], 'int32'),
        pooledRows: input('rows', [1], 'int32'),
      }),
    );
    return [...declared.keys()];
  };
  const plain = keysOf('CLIPTextModel');
  expect(plain.every((key) => key.startsWith('text_model.'))).toBe(true);
  expect(keysOf('CLIPTextModelWithProjection')).toEqual([...plain, 'text_projection.weight']);
});
