/** LoRA files as other programs name their tensors: kohya's sd-scripts and diffusers. */
import { writeSafetensors } from '../formats/index.js';
import { originalUNetKeys, type UNetConfig } from '../models/index.js';
import { type Tensor, tensor } from '../tensor/index.js';
import type { Lora } from './lora.js';

/** Whose names the file uses. */
export const LORA_NAMES = ['kohya', 'diffusers'] as const;
export type LoraNames = (typeof LORA_NAMES)[number];

export interface LoraFile {
  readonly tensors: Map<string, Tensor>;
  readonly metadata: Record<string, string>;
}

export interface LoraBase {
  readonly config: UNetConfig;
  /** What the UNet predicts, as scheduler_config.json has it. */
  readonly predictionType?: string | undefined;
}

/** Writes a LoRA of a UNet. Throws InputError where the operating system refuses. */
export async function saveLora(path: string, lora: Lora, base: LoraBase, names: LoraNames): Promise<void> {
  const { tensors, metadata } = names === 'kohya' ? kohyaLora(lora, base) : diffusersLora(lora);
  await writeSafetensors(path, tensors, metadata);
}

/**
 * sd-scripts' names, which ComfyUI, AUTOMATIC1111 and diffusers read too: diffusers' modules with underscores, or for
 * SD XL the original file's modules, each with its alpha.
 */
export function kohyaLora({ rank, layers }: Lora, { config, predictionType }: LoraBase): LoraFile {
  const xl = config.addition_embed_type === 'text_time';
  const names = xl
    ? originalUNetKeys(
        config,
        layers.map(({ module }) => `${module}.weight`),
      )
    : new Map<string, string>();
  const tensors = new Map<string, Tensor>();
  for (const { module, down, up } of layers) {
    const path = names.get(`${module}.weight`)?.replace(/\.weight$/, '') ?? module;
    const name = `lora_unet_${path.replaceAll('.', '_')}`;
    tensors.set(`${name}.alpha`, tensor([], Float32Array.of(rank)));
    tensors.set(`${name}.lora_down.weight`, down);
    tensors.set(`${name}.lora_up.weight`, up);
  }
  const second = config.use_linear_projection;
  const velocity = second && predictionType === 'v_prediction' ? '_v' : '';
  const metadata = {
    format: 'pt',
    ss_base_model_version: xl ? 'sdxl_base_v1-0' : second ? `sd_v2${velocity}` : 'sd_v1',
    ss_network_alpha: String(rank),
    ss_network_args: JSON.stringify({ conv_dim: String(rank), conv_alpha: String(rank) }),
    ss_network_dim: String(rank),
    ss_network_module: 'networks.lora',
    ss_v2: !xl && second ? 'True' : 'False',
  };
  return { tensors, metadata };
}

/** Modules whose factors diffusers calls `lora.down` and `lora.up`. */
const OLD_NAMES = /\.to_(q|k|v|out\.0)$/;

/**
 * diffusers' names. Attention projections have `lora.down` and `lora.up`, all other modules `lora_A` and `lora_B`.
 * diffusers tells by the first tensor which of the two it must rename, so that all have `lora_A` and `lora_B` where a
 * module of the second kind would come first.
 */
export function diffusersLora({ rank, layers }: Lora): LoraFile {
  const modules = layers.map(({ module }) => module).toSorted();
  const mixed = modules.length > 0 && OLD_NAMES.test(modules[0]!);
  const tensors = new Map<string, Tensor>();
  for (const { module, down, up } of layers) {
    const [a, b] = mixed && OLD_NAMES.test(module) ? ['lora.down', 'lora.up'] : ['lora_A', 'lora_B'];
    tensors.set(`unet.${module}.${a}.weight`, down);
    tensors.set(`unet.${module}.${b}.weight`, up);
  }
  const adapter = {
    'unet.lora_alpha': rank,
    'unet.peft_type': 'LORA',
    'unet.r': rank,
    'unet.target_modules': modules,
  };
  return { tensors, metadata: { format: 'pt', lora_adapter_metadata: JSON.stringify(adapter) } };
}
