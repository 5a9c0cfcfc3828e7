/** LoRAs made of adapters: what they reproduce, what they leave out, and how other programs name them. */
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { readSafetensors } from '../../src/formats/index.js';
import { extractLora, type Lora, type LoraLayer, saveLora } from '../../src/interop/index.js';
import { diffusersLora, kohyaLora } from '../../src/interop/lora-file.js';
import { loadNetwork, parseUNetConfig, UNET } from '../../src/models/index.js';
import { AdaptedWeights, type AdapterUse, networkSource } from '../../src/peft/index.js';
import { Random, sizeOf, tensor, toFloat32 } from '../../src/tensor/index.js';
import { fullAdapter, saraAdapter } from '../support/adapters.js';
import { expectAllclose } from '../support/allclose.js';
import { temporaryFolder } from '../support/temporary.js';

const unet = await loadNetwork('test/fixtures/sara/base', 'unet', UNET);
const open = (...uses: AdapterUse[]) => AdaptedWeights.open(networkSource(unet), uses);
const exact = { dtype: 'float32', layers: 'all' } as const;

/** up · down as a weight. */
function changeOf({ up, down }: LoraLayer): Float32Array {
  const [outputs, rank] = up.shape as [number, number];
  const columns = sizeOf(down.shape) / rank;
  const [left, right] = [toFloat32(up), toFloat32(down)];
  return Float32Array.from({ length: outputs * columns }, (_, at) => {
    const [row, column] = [Math.floor(at / columns), at % columns];
    let sum = 0;
    for (let k = 0; k < rank; k++) sum += left[row * rank + k]! * right[k * columns + column]!;
    return sum;
  });
}

const norm = (values: Iterable<number>) => Math.hypot(...values);

describe('a LoRA', () => {
  it('of full rank does what the adapters do together', async () => {
    const uses = [
      { adapter: saraAdapter(unet, 0.01), scale: 0.5 },
      { adapter: saraAdapter(unet, 0.02, { seed: 2 }), scale: -2 },
    ];
    const weights = await open(...uses);
    const lora = await extractLora(weights, { rank: 64, ...exact });
    expect(lora.relativeError).toBeLessThan(1e-6);
    for (const layer of lora.layers) {
      const key = `${layer.module}.weight`;
      const base = toFloat32(unet.parameters.get(key)!);
      const adapted = (await weights.weight(key)).data;
      const difference = adapted.map((value, i) => value - base[i]!);
      expectAllclose(changeOf(layer), difference, { atol: 1e-6 * Math.max(1, norm(difference)) });
      expect(layer.down.shape.slice(1)).toEqual(unet.parameters.get(key)!.shape.slice(1));
    }
  });

  it('states its error layer by layer and in all, of the numbers that are stored', async () => {
    const adapter = saraAdapter(unet, 0.05);
    const weights = await open({ adapter });
    const lora = await extractLora(weights, { rank: 4, layers: 'attention-conv', dtype: 'float16' });
    let [lost, kept, all] = [0, 0, 0];
    for (const key of weights.changed) {
      const delta = await weights.change(key);
      all += norm(delta.values) ** 2;
      const layer = lora.layers.find(({ module }) => `${module}.weight` === key);
      if (!layer) continue;
      const dense = new Float32Array(sizeOf(delta.shape));
      delta.positions!.forEach((at, i) => {
        dense[at] = delta.values[i]!;
      });
      const reproduced = changeOf(layer);
      const error = norm(dense.map((value, i) => value - reproduced[i]!));
      expect(layer.relativeError).toBeCloseTo(error / norm(dense), 4);
      lost += error ** 2;
      kept += norm(dense) ** 2;
    }
    expect(lora.relativeError).toBeCloseTo(Math.sqrt(lost / kept), 4);
    expect(lora.relativeErrorOfAll).toBeCloseTo(Math.sqrt((lost + all - kept) / all), 4);
    expect(lora.layers.length + lora.leftOut.length).toBe(weights.changed.length);
  });

  it('finds the factors of a change that is of low rank', async () => {
    const key = 'mid_block.resnets.0.conv1.weight';
    const { shape } = unet.parameters.get(key)!;
    const [outputs, columns] = [shape[0]!, sizeOf(shape) / shape[0]!];
    const [left, right] = [
      new Random(1, 'left').normal(2 * outputs),
      new Random(1, 'right').normal(2 * columns),
    ];
    const change = Float32Array.from({ length: outputs * columns }, (_, at) => {
      const [i, j] = [Math.floor(at / columns), at % columns];
      return left[i]! * right[j]! + 1e-3 * left[outputs + i]! * right[columns + j]!;
    });
    const weights = await open({ adapter: fullAdapter(unet, new Map([[key, change]])) });
    const lora = await extractLora(weights, { rank: 2, ...exact });
    expect(lora.layers).toHaveLength(1);
    expect(lora.relativeError).toBeLessThan(1e-6);
  });

  it('leaves out biases and norms, and layers that are not chosen', async () => {
    const weights = await open({ adapter: saraAdapter(unet, 0.05) });
    const modules = async (layers: 'attention' | 'attention-conv' | 'all') =>
      (await extractLora(weights, { rank: 1, layers, dtype: 'float16' })).layers.map(({ module }) => module);
    const attention = await modules('attention');
    expect(attention.length).toBeGreaterThan(0);
    expect(attention.filter((module) => !/to_(q|k|v|out\.0)$/.test(module))).toEqual([]);
    const conv = await modules('attention-conv');
    expect(conv).toEqual(expect.arrayContaining(attention));
    expect(conv).toContain('down_blocks.0.resnets.0.conv2');
    expect(conv).not.toContain('conv_in');
    const all = await extractLora(weights, { rank: 1, layers: 'all', dtype: 'float16' });
    expect(all.layers.map(({ module }) => module)).toEqual(
      expect.arrayContaining([...conv, 'conv_in', 'time_embedding.linear_1']),
    );
    expect(all.leftOut.filter(({ why }) => why !== 'bias or norm')).toEqual([]);
    expect(all.leftOut.map(({ key }) => key)).toContain('conv_norm_out.bias');
  });
});

describe('names', () => {
  const golden = 'test/fixtures/peft/lora/attention';
  const attention = async () =>
    extractLora(await open({ adapter: saraAdapter(unet, 0.05) }), {
      rank: 4,
      layers: 'attention',
      dtype: 'float32',
    });

  it('are those of sd-scripts', async () => {
    const path = join(await temporaryFolder(), 'lora.safetensors');
    const lora = await attention();
    await saveLora(path, lora, unet, 'kohya');
    const [ours, theirs] = [
      await readSafetensors(path),
      await readSafetensors(`${golden}/kohya.safetensors`),
    ];
    const shapes = ({ tensors }: typeof ours) =>
      [...tensors].map(([name, { dtype, shape }]) => [name, dtype, shape]);
    expect(shapes(ours)).toEqual(shapes(theirs));
    expect(ours.metadata).toEqual({
      ...theirs.metadata,
      ss_network_alpha: '4',
      ss_network_args: '{"conv_dim":"4","conv_alpha":"4"}',
    });
    const alpha = [...ours.tensors].find(([name]) => name.endsWith('.alpha'))![1];
    expect([...toFloat32(alpha)]).toEqual([4]);
  });

  it('are those of diffusers', async () => {
    const path = join(await temporaryFolder(), 'lora.safetensors');
    await saveLora(path, await attention(), unet, 'diffusers');
    const ours = await readSafetensors(path);
    const theirs = await readSafetensors(`${golden}/diffusers/pytorch_lora_weights.safetensors`);
    expect([...ours.tensors.keys()]).toEqual([...theirs.tensors.keys()]);
    expect(JSON.parse(ours.metadata.lora_adapter_metadata!)).toMatchObject({
      'unet.r': 4,
      'unet.lora_alpha': 4,
    });
  });

  const layer = (module: string): LoraLayer => {
    const [down, up] = [tensor([1, 2], new Float32Array(2)), tensor([3, 1], new Float32Array(3))];
    return { module, down, up, norm: 1, relativeError: 0 };
  };
  const lora = (...modules: string[]): Lora => ({
    rank: 1,
    layers: modules.map(layer),
    leftOut: [],
    relativeError: 0,
    relativeErrorOfAll: 0,
  });
  const query = 'down_blocks.1.attentions.0.transformer_blocks.0.attn1.to_q';

  it("mix diffusers' two kinds only where the first tensor tells it so", () => {
    expect([...diffusersLora(lora(query, 'mid_block.resnets.0.conv1')).tensors.keys()]).toEqual([
      `unet.${query}.lora.down.weight`,
      `unet.${query}.lora.up.weight`,
      'unet.mid_block.resnets.0.conv1.lora_A.weight',
      'unet.mid_block.resnets.0.conv1.lora_B.weight',
    ]);
    expect([...diffusersLora(lora(query, 'conv_in')).tensors.keys()]).toEqual([
      `unet.${query}.lora_A.weight`,
      `unet.${query}.lora_B.weight`,
      'unet.conv_in.lora_A.weight',
      'unet.conv_in.lora_B.weight',
    ]);
  });

  it('name the modules of SD XL as its original file does, and the kind of model', () => {
    const xl = parseUNetConfig({
      block_out_channels: [320, 640, 1280],
      down_block_types: ['DownBlock2D', 'CrossAttnDownBlock2D', 'CrossAttnDownBlock2D'],
      up_block_types: ['CrossAttnUpBlock2D', 'CrossAttnUpBlock2D', 'UpBlock2D'],
      transformer_layers_per_block: [1, 2, 10],
      attention_head_dim: [5, 10, 20],
      cross_attention_dim: 2048,
      use_linear_projection: true,
      addition_embed_type: 'text_time',
      addition_time_embed_dim: 256,
      projection_class_embeddings_input_dim: 2816,
    });
    const file = kohyaLora(lora(query), { config: xl });
    const name = 'lora_unet_input_blocks_4_1_transformer_blocks_0_attn1_to_q';
    expect([...file.tensors.keys()]).toEqual([
      `${name}.alpha`,
      `${name}.lora_down.weight`,
      `${name}.lora_up.weight`,
    ]);
    expect(file.metadata.ss_base_model_version).toBe('sdxl_base_v1-0');
    const second = parseUNetConfig({ use_linear_projection: true, cross_attention_dim: 1024 });
    const of = (predictionType: string) =>
      kohyaLora(lora(query), { config: second, predictionType }).metadata;
    expect(of('v_prediction')).toMatchObject({ ss_base_model_version: 'sd_v2_v', ss_v2: 'True' });
    expect(of('epsilon')).toMatchObject({ ss_base_model_version: 'sd_v2', ss_v2: 'True' });
  });
});
