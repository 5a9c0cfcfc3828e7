/** LoRA and DoRA files as other programs name their tensors: kohya's sd-scripts, diffusers and PEFT. */
import { join } from 'node:path';
import { ensureFolder, writeFileAtomic, writeSafetensors } from '../formats/index.js';
import { originalUNetKeys, type UNetConfig } from '../models/index.js';
import { type Tensor, tensor } from '../tensor/index.js';

/** Whose names the file uses. */
export const LORA_NAMES = ['kohya', 'diffusers', 'peft'] as const;
export type LoraNames = (typeof LORA_NAMES)[number];

/** One layer of a file. */
export interface FileLayer {
  /** The module in diffusers' naming, such as `mid_block.resnets.0.conv1`. */
  readonly module: string;
  /** [r, in], for a convolution [r, in, kh, kw]. */
  readonly down: Tensor;
  /** [out, r], for a convolution [out, r, 1, 1]. */
  readonly up: Tensor;
  /** α, where α/r is the factor on the product; the rank unless said. */
  readonly alpha?: number;
  /** DoRA: m as PEFT has it, [out] or [1, out, 1, 1]. */
  readonly magnitude?: Tensor | undefined;
  /** DoRA: m as ComfyUI has it, which divides by ‖W₀‖ and not by ‖W₀ + ΔW‖: [out, 1] or [out, 1, 1, 1]. */
  readonly doraScale?: Tensor | undefined;
}

interface Layers {
  readonly layers: readonly FileLayer[];
}

export interface LoraFile {
  readonly tensors: Map<string, Tensor>;
  readonly metadata: Record<string, string>;
}

export interface LoraBase {
  readonly config: UNetConfig;
  /** What the UNet predicts, as scheduler_config.json has it. */
  readonly predictionType?: string | undefined;
}

/** Writes a LoRA or DoRA of a UNet; PEFT's is a folder. Throws InputError where the operating system refuses. */
export async function saveLora(path: string, lora: Layers, base: LoraBase, names: LoraNames): Promise<void> {
  if (names === 'peft') return savePeftFolder(path, lora);
  const { tensors, metadata } = names === 'kohya' ? kohyaLora(lora, base) : diffusersLora(lora);
  await writeSafetensors(path, tensors, metadata);
}

const rankOf = ({ down }: FileLayer): number => down.shape[0]!;
const alphaOf = (layer: FileLayer): number => layer.alpha ?? rankOf(layer);

/**
 * sd-scripts' names, which ComfyUI, AUTOMATIC1111 and diffusers read too: diffusers' modules with underscores, or for
 * SD XL the original file's modules, each with its alpha.
 */
export function kohyaLora({ layers }: Layers, { config, predictionType }: LoraBase): LoraFile {
  const xl = config.addition_embed_type === 'text_time';
  const names = xl
    ? originalUNetKeys(
        config,
        layers.map(({ module }) => `${module}.weight`),
      )
    : new Map<string, string>();
  const tensors = new Map<string, Tensor>();
  for (const layer of layers) {
    const { module, down, up, doraScale } = layer;
    const path = names.get(`${module}.weight`)?.replace(/\.weight$/, '') ?? module;
    const name = `lora_unet_${path.replaceAll('.', '_')}`;
    tensors.set(`${name}.alpha`, tensor([], Float32Array.of(alphaOf(layer))));
    if (doraScale) tensors.set(`${name}.dora_scale`, doraScale);
    tensors.set(`${name}.lora_down.weight`, down);
    tensors.set(`${name}.lora_up.weight`, up);
  }
  const second = config.use_linear_projection;
  const velocity = second && predictionType === 'v_prediction' ? '_v' : '';
  const { rank, alpha } = common(layers);
  const metadata = {
    format: 'pt',
    ss_base_model_version: xl ? 'sdxl_base_v1-0' : second ? `sd_v2${velocity}` : 'sd_v1',
    ss_network_alpha: String(alpha),
    ss_network_args: JSON.stringify({ conv_dim: String(rank), conv_alpha: String(alpha) }),
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
export function diffusersLora({ layers }: Layers): LoraFile {
  const modules = layers.map(({ module }) => module).toSorted();
  const mixed = modules.length > 0 && OLD_NAMES.test(modules[0]!);
  const tensors = new Map<string, Tensor>();
  for (const { module, down, up, magnitude } of layers) {
    const [a, b] = mixed && OLD_NAMES.test(module) ? ['lora.down', 'lora.up'] : ['lora_A', 'lora_B'];
    tensors.set(`unet.${module}.${a}.weight`, down);
    tensors.set(`unet.${module}.${b}.weight`, up);
    if (magnitude) tensors.set(`unet.${module}.lora_magnitude_vector`, magnitude);
  }
  const adapter = Object.fromEntries(
    Object.entries(peftSettings(layers)).map(([name, value]) => [`unet.${name}`, value]),
  );
  return { tensors, metadata: { format: 'pt', lora_adapter_metadata: JSON.stringify(adapter) } };
}

/** PEFT's folder: adapter_config.json and adapter_model.safetensors. */
async function savePeftFolder(folder: string, { layers }: Layers): Promise<void> {
  const tensors = new Map<string, Tensor>();
  for (const { module, down, up, magnitude } of layers) {
    const name = `base_model.model.${module}`;
    tensors.set(`${name}.lora_A.weight`, down);
    tensors.set(`${name}.lora_B.weight`, up);
    if (magnitude) tensors.set(`${name}.lora_magnitude_vector`, magnitude);
  }
  const settings = {
    ...peftSettings(layers),
    base_model_name_or_path: null,
    inference_mode: true,
    task_type: null,
  };
  await ensureFolder(folder);
  await writeSafetensors(join(folder, 'adapter_model.safetensors'), tensors, { format: 'pt' });
  await writeFileAtomic(join(folder, 'adapter_config.json'), `${JSON.stringify(settings, null, 2)}\n`);
}

/** What PEFT is told, with what is not the same in all layers listed layer by layer. */
function peftSettings(layers: readonly FileLayer[]): Record<string, unknown> {
  const { rank, alpha } = common(layers);
  const patterns = (of: (layer: FileLayer) => number, usual: number) =>
    Object.fromEntries(
      layers.filter((layer) => of(layer) !== usual).map((layer) => [layer.module, of(layer)]),
    );
  return {
    alpha_pattern: patterns(alphaOf, alpha),
    bias: 'none',
    lora_alpha: alpha,
    peft_type: 'LORA',
    r: rank,
    rank_pattern: patterns(rankOf, rank),
    target_modules: layers.map(({ module }) => module).toSorted(),
    use_dora: layers.some(({ magnitude }) => magnitude),
  };
}

/** Rank and alpha of the first layer, which are mostly those of all. */
function common([first]: readonly FileLayer[]): { rank: number; alpha: number } {
  return first ? { rank: rankOf(first), alpha: alphaOf(first) } : { rank: 1, alpha: 1 };
}
