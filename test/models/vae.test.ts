/** The autoencoder: golden cases, configurations, and the host side of latents. */
import { describe, expect, it } from 'vitest';
import { runVaeCase } from '../../golden/vae.js';
import { InputError } from '../../src/errors.js';
import { graphOf, input } from '../../src/graph/index.js';
import {
  loadNetwork,
  momentsToGaussian,
  parseVaeConfig,
  scaleLatents,
  unscaleLatents,
  VAE,
  vaeDecode,
  vaeEncode,
} from '../../src/models/index.js';
import { parameterFeeds, Scope } from '../../src/nn/index.js';
import { compile } from '../../src/ops/index.js';
import { Random, type Tensor, tensor } from '../../src/tensor/index.js';
import { expectAllclose } from '../support/allclose.js';

const FIXTURES = 'test/fixtures/vae';

describe('golden autoencoders', () => {
  it.each([
    ['sd15', 251],
    ['sd3', 5],
  ])('%s', async (name, count) => {
    const checks = await runVaeCase(`${FIXTURES}/${name}`);
    expect(checks).toHaveLength(count);
    expect(checks.filter(({ error, tolerance }) => !(error <= tolerance))).toEqual([]);
  });
});

describe('vaeDecode', () => {
  it('reads the names that Stable Diffusion 1 published its attention under', async () => {
    const vae = await loadNetwork(`${FIXTURES}/sd15`, 'vae', VAE);
    const renamed = [...vae.parameters].map(([key, value]) => {
      const old = key
        .replace('.to_q.', '.query.')
        .replace('.to_k.', '.key.')
        .replace('.to_v.', '.value.')
        .replace('.to_out.0.', '.proj_attn.');
      return [old, value] as const;
    });
    const latents = tensor([1, 4, 2, 2], new Random(1, 'latents').normal(16));
    const decode = async (network: typeof vae) => {
      const z = input('latents', latents.shape);
      const session = await compile(graphOf({ out: vaeDecode(Scope.of(network), network.config, z) }));
      const outputs = await session.run(parameterFeeds(network).set('latents', latents));
      await session.dispose();
      return outputs.get('out')!.data as Float32Array;
    };
    const published = { ...vae, parameters: new Map(renamed) };
    expect(published.parameters.has('decoder.mid_block.attentions.0.proj_attn.weight')).toBe(true);
    expect(await decode(published)).toEqual(await decode(vae));
  });

  it('leaves out quantization convolutions and attention where the config does', () => {
    const json = {
      block_out_channels: [4, 8],
      down_block_types: Array(2).fill('DownEncoderBlock2D'),
      up_block_types: Array(2).fill('UpDecoderBlock2D'),
      norm_num_groups: 2,
      latent_channels: 3,
      use_quant_conv: false,
      use_post_quant_conv: false,
      mid_block_add_attention: false,
    };
    const config = parseVaeConfig(json);
    const keys = Scope.declared('vae', (scope) => {
      expect(vaeEncode(scope, config, input('image', [2, 3, 6, 10])).shape).toEqual([2, 6, 3, 5]);
      expect(vaeDecode(scope, config, input('latents', [2, 3, 3, 5])).shape).toEqual([2, 3, 6, 10]);
    });
    expect([...keys.keys()].filter((key) => /quant|attentions/.test(key))).toEqual([]);
  });
});

describe('parseVaeConfig', () => {
  it("fills in the Python class's defaults", () => {
    const config = parseVaeConfig({ scaling_factor: null });
    expect(config).toMatchObject({ scaling_factor: 0.18215, shift_factor: 0, use_quant_conv: true });
  });

  it.each([
    [{ act_fn: 'mish' }, /vae.*act_fn "mish" is not supported; expected one of "silu"/],
    [
      { down_block_types: ['AttnDownEncoderBlock2D'] },
      /down_block_types.0 "AttnDownEncoderBlock2D".*"DownEncoderBlock2D"/,
    ],
    [{ block_out_channels: [64, 64] }, /down_block_types is missing; expected 2 blocks/],
    [
      { block_out_channels: [64], norm_num_groups: 24 },
      /block_out_channels \[64\].*multiples of norm_num_groups, 24/,
    ],
    [{ latents_mean: [0.1] }, /latents_mean \[0.1\] is not supported; expected null/],
    [{ latent_channels: 0 }, /latent_channels 0/],
    [{ _class_name: 'AutoencoderTiny' }, /_class_name "AutoencoderTiny"/],
    [[], /vae/],
  ])('refuses %j', (json, message) => {
    expect(() => parseVaeConfig(json)).toThrow(InputError);
    expect(() => parseVaeConfig(json)).toThrow(message);
  });
});

describe('latents on the host', () => {
  const config = { ...parseVaeConfig({}), scaling_factor: 1.5, shift_factor: 0.25 };

  it('splits moments of every picture and clamps the log variance', () => {
    const moments = tensor([2, 2, 1, 1], Float32Array.of(1, 0, 2, -100));
    const { mean, std } = momentsToGaussian(moments);
    expectAllclose(mean.data, [1, 2]);
    expectAllclose(std.data, [1, Math.exp(-15)], { rtol: 1e-6, atol: 0 });
    expectAllclose(momentsToGaussian(tensor([1, 2, 1, 1], Float32Array.of(0, 50))).std.data, [Math.exp(10)]);
  });

  it('scales as (z − shift) · scale and back', () => {
    const z: Tensor<'float32'> = tensor([1, 1, 1, 2], Float32Array.of(0.25, 1.25));
    const scaled = scaleLatents(config, z);
    expectAllclose(scaled.data, [0, 1.5]);
    expectAllclose(unscaleLatents(config, scaled).data, z.data);
  });
});
