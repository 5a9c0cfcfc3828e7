/** Names of a UNet's weights in the original files of Stable Diffusion 1, 2 and XL (CompVis' and Stability's openaimodel.py). */
import { InputError } from '../../errors.js';
import { type LayerPlan, layerPlans, type UNetConfig } from '../unet-2d-condition-config.js';

/** Modules outside the blocks: diffusers' name, original name. */
const OUTSIDE: readonly (readonly [string, string])[] = [
  ['conv_in', 'input_blocks.0.0'],
  ['time_embedding.linear_1', 'time_embed.0'],
  ['time_embedding.linear_2', 'time_embed.2'],
  ['add_embedding.linear_1', 'label_emb.0.0'],
  ['add_embedding.linear_2', 'label_emb.0.2'],
  ['conv_norm_out', 'out.0'],
  ['conv_out', 'out.2'],
];

/** Layers of a resnet: diffusers' name, original name. */
const RESNET: readonly (readonly [string, string])[] = [
  ['norm1', 'in_layers.0'],
  ['conv1', 'in_layers.2'],
  ['time_emb_proj', 'emb_layers.1'],
  ['norm2', 'out_layers.0'],
  ['conv2', 'out_layers.3'],
  ['conv_shortcut', 'skip_connection'],
];

/**
 * The original key of each of diffusers' keys, without the prefix `model.diffusion_model.`, in the order given.
 * Throws InputError for a key that a UNet of this configuration lacks.
 */
export function originalUNetKeys(config: UNetConfig, keys: Iterable<string>): Map<string, string> {
  const modules = originalModules(config);
  return new Map(
    [...keys].map((key) => {
      for (let end = key.lastIndexOf('.'); end > 0; end = key.lastIndexOf('.', end - 1)) {
        const original = modules.get(key.slice(0, end));
        if (original !== undefined) return [key, original + key.slice(end)];
      }
      throw new InputError(
        `the weight "${key}" has no place in a UNet of this configuration; take the config.json that belongs to it`,
      );
    }),
  );
}

/** Original names of modules by diffusers' names: as deep as the two naming schemes differ. */
function originalModules(config: UNetConfig): Map<string, string> {
  const modules = new Map(OUTSIDE);
  const resnet = (name: string, original: string) => {
    for (const [layer, originalLayer] of RESNET) {
      modules.set(`${name}.${layer}`, `${original}.${originalLayer}`);
    }
  };
  /** Each layer of a block is a block of its own in the original; gives the number of modules in the last one. */
  const layers = (name: string, plan: LayerPlan, originalOf: (layer: number) => string): number => {
    plan.forEach((transformers, layer) => {
      resnet(`${name}.resnets.${layer}`, `${originalOf(layer)}.0`);
      if (transformers !== undefined) {
        modules.set(`${name}.attentions.${layer}`, `${originalOf(layer)}.1`);
      }
    });
    return plan.at(-1) === undefined ? 1 : 2;
  };

  const { down, mid, up } = layerPlans(config);
  let next = 1;
  for (const [i, plan] of down.entries()) {
    const first = next;
    layers(`down_blocks.${i}`, plan, (layer) => `input_blocks.${first + layer}`);
    next += plan.length;
    if (i === down.length - 1) continue;
    modules.set(`down_blocks.${i}.downsamplers.0.conv`, `input_blocks.${next}.0.op`);
    next += 1;
  }

  resnet('mid_block.resnets.0', 'middle_block.0');
  mid.forEach((transformers, layer) => {
    if (transformers !== undefined) {
      modules.set(`mid_block.attentions.${layer}`, `middle_block.${2 * layer + 1}`);
    }
    resnet(`mid_block.resnets.${layer + 1}`, `middle_block.${2 * layer + 2}`);
  });

  next = 0;
  for (const [i, plan] of up.entries()) {
    const first = next;
    const last = layers(`up_blocks.${i}`, plan, (layer) => `output_blocks.${first + layer}`);
    next += plan.length;
    if (i === up.length - 1) continue;
    modules.set(`up_blocks.${i}.upsamplers.0.conv`, `output_blocks.${next - 1}.${last}.conv`);
  }
  return modules;
}
