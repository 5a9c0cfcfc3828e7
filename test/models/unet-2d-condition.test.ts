/** What holds for every UNet: facts that need no reference, on a tiny one in float64, and errors for misfitting inputs. */
import { describe, expect, it } from 'vitest';
import { InputError } from '../../src/errors.js';
import { graphOf, input, type Shape } from '../../src/graph/index.js';
import { timesteps } from '../../src/models/embeddings.js';
import { parseUNetConfig, unet2DCondition } from '../../src/models/unet-2d-condition.js';
import { declareUNet } from '../../src/models/unet-parameters.js';
import { Scope } from '../../src/nn/index.js';
import { evaluate } from '../../src/ops/index.js';
import { Random } from '../../src/tensor/index.js';
import { expectAllclose } from '../support/allclose.js';

const TINY = {
  block_out_channels: [4, 6],
  norm_num_groups: 2,
  cross_attention_dim: 3,
  attention_head_dim: [2, 3],
  layers_per_block: 1,
  down_block_types: ['DownBlock2D', 'CrossAttnDownBlock2D'],
  up_block_types: ['CrossAttnUpBlock2D', 'UpBlock2D'],
  in_channels: 2,
  out_channels: 3,
};

const ADDITION = {
  addition_embed_type: 'text_time',
  addition_time_embed_dim: 4,
  projection_class_embeddings_input_dim: 5 + 6 * 4,
};

const draw = (name: string, count: number) => Float64Array.from(new Random(7, name).normal(count));

function unetInputs(batch: number, [height, width]: readonly [number, number], tokens = 5) {
  return {
    sample: input('sample', [batch, 2, height, width]),
    timestep: input('timestep', [batch]),
    encoderHiddenStates: input('context', [batch, tokens, 3]),
  };
}

/** Runs the tiny UNet with weights that depend on their names alone. */
function run(
  json: object,
  batch: number,
  sides: readonly [number, number],
  feeds: Record<string, Float64Array>,
) {
  const config = parseUNetConfig({ ...TINY, ...json });
  const parameters = Scope.initialize('unet', 3, (scope) => declareUNet(scope, config));
  const output = unet2DCondition(Scope.of({ name: 'unet', parameters }), config, unetInputs(batch, sides));
  const weights = [...parameters].map(([key, { data }]) => [`unet.${key}`, Float64Array.from(data)] as const);
  const values = evaluate(graphOf({ output }), new Map([...weights, ...Object.entries(feeds)]));
  return { shape: output.shape, values: values.get('output')! };
}

describe('unet2DCondition', () => {
  it('treats each picture of a batch by itself', () => {
    const sample = draw('sample', 2 * 2 * 6 * 4);
    const context = draw('context', 2 * 5 * 3);
    const timestep = Float64Array.of(981, 16.5);
    const { shape, values } = run({}, 2, [6, 4], { sample, timestep, context });
    expect(shape).toEqual([2, 3, 6, 4]);
    for (const i of [0, 1]) {
      const row = (all: Float64Array) => all.slice((i * all.length) / 2, ((i + 1) * all.length) / 2);
      const alone = run({}, 1, [6, 4], {
        sample: row(sample),
        timestep: row(timestep),
        context: row(context),
      });
      expectAllclose(row(values), alone.values, { rtol: 1e-10, atol: 1e-12 });
    }
  });

  it.each([
    [5, 7],
    [1, 2],
    [3, 3],
  ] as const)('keeps sides that are odd, %i × %i', (height, width) => {
    const feeds = {
      sample: draw('sample', 2 * height * width),
      timestep: Float64Array.of(1),
      context: draw('context', 15),
    };
    const { shape, values } = run({}, 1, [height, width], feeds);
    expect(shape).toEqual([1, 3, height, width]);
    expect(values.every(Number.isFinite)).toBe(true);
  });

  it('centres the sample where the configuration says so', () => {
    const sample = draw('sample', 2 * 4 * 4);
    const rest = { timestep: Float64Array.of(300), context: draw('context', 15) };
    const centred = run({ center_input_sample: true }, 1, [4, 4], { sample, ...rest });
    const plain = run({}, 1, [4, 4], { sample: sample.map((x) => 2 * x - 1), ...rest });
    expectAllclose(centred.values, plain.values, { rtol: 1e-12, atol: 1e-12 });
  });

  it('silences the middle block where mid_block_scale_factor is huge, whatever the block holds', () => {
    const feeds = {
      sample: draw('sample', 2 * 4 * 4),
      timestep: Float64Array.of(300),
      context: draw('context', 15),
    };
    const silenced = ['UNetMidBlock2D', 'UNetMidBlock2DCrossAttn'].map((mid_block_type) =>
      run({ mid_block_type, mid_block_scale_factor: 1e14 }, 1, [4, 4], feeds),
    );
    expectAllclose(silenced[0]!.values, silenced[1]!.values, { rtol: 1e-9, atol: 1e-9 });
  });

  it('puts each resnet, transformer and change of size into a segment of its own', () => {
    const config = parseUNetConfig(TINY);
    const segments = new Map<number, Set<string>>();
    Scope.declared('unet', (scope) => {
      const output = unet2DCondition(scope, config, unetInputs(1, [4, 4]));
      for (const { segment, inputs } of graphOf({ output }).nodes) {
        for (const { node } of inputs.filter((value) => value.node.op === 'input')) {
          const { name } = node.attributes as { name: string };
          const layer =
            name.match(/\w+_blocks?(\.\d)?\.(resnets|attentions|\w+samplers)\.\d/)?.[0] ?? 'outside';
          if (!name.startsWith('unet.')) continue;
          segments.set(segment, (segments.get(segment) ?? new Set()).add(layer));
        }
      }
    });
    const layers = [...segments.values()].map((names) => [...names].join());
    expect(new Set(layers).size).toBe(layers.length);
    expect(layers).toEqual(
      expect.arrayContaining([
        'outside',
        'down_blocks.0.resnets.0',
        'mid_block.attentions.0',
        'up_blocks.0.attentions.1',
        'up_blocks.0.upsamplers.0',
      ]),
    );
  });

  const build = (json: object, changes: object) => () =>
    Scope.declared('unet', (scope) =>
      unet2DCondition(scope, parseUNetConfig({ ...TINY, ...json }), {
        ...unetInputs(2, [4, 4]),
        ...changes,
      }),
    );
  const value = (shape: Shape) => input('value', shape);

  it.each([
    ['text states', {}, { encoderHiddenStates: value([2, 5, 8]) }, /text states \[2, …, 3\].*\[2, 5, 8\]/],
    [
      'text states of another batch',
      {},
      { encoderHiddenStates: value([1, 5, 3]) },
      /text states \[2, …, 3\]/,
    ],
    ['latents', {}, { sample: value([2, 9, 4, 4]) }, /latents \[2, 2, …, …\] by in_channels.*\[2, 9, 4, 4\]/],
    ['timesteps', {}, { timestep: value([1]) }, /timesteps \[2\].*\[1\]/],
    ['no sizes', ADDITION, {}, /addition_embed_type "text_time"/],
    [
      'pooled text',
      ADDITION,
      { addedConditions: { textEmbeds: value([2, 4]), timeIds: value([2, 6]) } },
      /pooled text \[2, 5\] by projection_class_embeddings_input_dim, got float32\[2, 4\]/,
    ],
  ])('refuses %s that do not fit the configuration', (_, json, changes, message) => {
    expect(build(json, changes)).toThrow(InputError);
    expect(build(json, changes)).toThrow(message);
  });
});

describe('timesteps', () => {
  const embed = (t: number[], width: number, flipSinToCos: boolean, freqShift: number) =>
    evaluate(
      graphOf({ waves: timesteps(input('t', [t.length]), width, { flipSinToCos, freqShift }) }),
      new Map([['t', Float64Array.from(t)]]),
    ).get('waves')!;
  const reason = 'frequencies are rounded to float32, the formula here is not';

  it.each([
    { width: 320, flip: true, shift: 0 },
    { width: 8, flip: false, shift: 1 },
    { width: 7, flip: true, shift: 0 },
  ])('are sines and cosines of t · 10000^(−i/(n − shift)): %o', ({ width, flip, shift }) => {
    const half = Math.floor(width / 2);
    const times = [0, 1, 437, 999.5];
    const expected = times.flatMap((t) => {
      const phases = Array.from({ length: half }, (_, i) => t * 10000 ** (-i / (half - shift)));
      const [sines, cosines] = [phases.map(Math.sin), phases.map(Math.cos)];
      const waves = flip ? [...cosines, ...sines] : [...sines, ...cosines];
      return width % 2 === 0 ? waves : [...waves, 0];
    });
    expectAllclose(embed(times, width, flip, shift), expected, { rtol: 0, atol: 1000 * 3e-7, reason });
  });
});
