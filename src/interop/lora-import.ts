/** Reading LoRA and DoRA files of other programs as adapters: sd-scripts' keys, diffusers' and PEFT's. */
import { basename, dirname, join } from 'node:path';
import { z } from 'zod';
import { InputError } from '../errors.js';
import { exists, openTensorFile, readJson, readSafetensors } from '../formats/index.js';
import { originalUNetKeys, type UNetConfig } from '../models/index.js';
import type { Network } from '../nn/index.js';
import {
  type Adapter,
  type AdapterInfo,
  adapterOfFactors,
  fingerprint,
  type ModuleFactors,
} from '../peft/index.js';
import { type Tensor, tensor, toFloat32 } from '../tensor/index.js';
import { recognize } from './recognize.js';

/** The parts of a layer, by the ends of their names in any of the programs. */
const PARTS: readonly (readonly [RegExp, Part])[] = [
  [/\.(lora_down|lora_A|lora\.down)\.weight$|_lora\.down\.weight$/, 'down'],
  [/\.(lora_up|lora_B|lora\.up)\.weight$|_lora\.up\.weight$/, 'up'],
  [/\.alpha$/, 'alpha'],
  [/\.dora_scale$/, 'doraScale'],
  [/\.lora_magnitude_vector(\.weight)?$/, 'magnitude'],
];
type Part = 'down' | 'up' | 'alpha' | 'doraScale' | 'magnitude';

const TEXT_ENCODER = /^(lora_te\d?_|text_encoder(_2)?\.)/;

/** What PEFT says of a LoRA, in its folders and in the header that diffusers writes. */
const settingsSchema = z.object({
  r: z.number().optional(),
  lora_alpha: z.number().optional(),
  alpha_pattern: z.record(z.string(), z.number()).nullish(),
  use_rslora: z.boolean().nullish(),
});
type Settings = z.output<typeof settingsSchema>;

/**
 * A file, or a PEFT folder, as an adapter of the UNet; `leftOut` names tensors of text encoders, which it lacks. Throws
 * InputError where it is broken, or has something that is no LoRA or DoRA of a layer of this UNet.
 */
export async function importLora(
  path: string,
  unet: Network<UNetConfig>,
  { model = unet.name, prefix = '', settings: info, dtype }: AdapterInfo = {},
): Promise<{ adapter: Adapter; leftOut: readonly string[] }> {
  const { tensors, settings } = await read(path);
  const pathOf = modulePaths(unet);
  const modules = new Map<string, Partial<Record<Part, Tensor>>>();
  const leftOut: string[] = [];
  for (const [key, value] of tensors) {
    if (TEXT_ENCODER.test(key)) {
      leftOut.push(key);
      continue;
    }
    const [pattern, part] = PARTS.find(([end]) => end.test(key)) ?? [];
    const module = pattern && pathOf(key.replace(pattern, ''));
    if (!part || module === undefined) {
      throw new InputError(
        `${path} has the tensor "${key}", which is no part of a LoRA or DoRA of the ${unet.name} of ${model}; "sara check" tells what the file is, so name the model that it was made for`,
      );
    }
    modules.set(module, { ...modules.get(module), [part]: value });
  }
  if (modules.size === 0)
    throw new InputError(
      `${path} has layers of text encoders alone, which adapters do not change; take another`,
    );
  const base = { network: unet.name, model, fingerprint: fingerprint(unet) };
  const factors = [...modules].map(([module, parts]) => factorsOf(path, module, parts, settings, unet));
  const adapter = adapterOfFactors(factors, {
    ...{ base, prefix, dtype },
    settings: { importedFrom: basename(path), ...info },
  });
  return { adapter, leftOut };
}

/** Whether it may be such a file: a PEFT folder, or tensors with such names that are no adapter of this program. */
export async function holdsLora(path: string): Promise<boolean> {
  if (await isPeftFolder(path)) return true;
  try {
    const file = await openTensorFile(path);
    await file.close();
    if (recognize(file).kind === 'sara-adapter') return false;
    return [...file.tensors.keys()].some((key) => PARTS.slice(0, 2).some(([end]) => end.test(key)));
  } catch (error) {
    if (error instanceof InputError) return false;
    throw error;
  }
}

/** What a PEFT folder holds. */
const [PEFT_CONFIG, PEFT_WEIGHTS] = ['adapter_config.json', 'adapter_model.safetensors'] as const;

const isPeftFolder = (path: string) => exists(join(path, PEFT_CONFIG));

/** The files in which an adapter's content is: itself, or those of a PEFT folder. */
export async function adapterFiles(path: string): Promise<string[]> {
  return (await isPeftFolder(path)) ? [join(path, PEFT_CONFIG), join(path, PEFT_WEIGHTS)] : [path];
}

async function read(
  path: string,
): Promise<{ tensors: ReadonlyMap<string, Tensor>; settings: Settings | undefined }> {
  const file = (await adapterFiles(path)).at(-1)!;
  const { tensors, metadata } = await readSafetensors(file);
  // PEFT's own files say nothing of alpha.
  const isPeft = file !== path || [...tensors.keys()].some((key) => key.startsWith('base_model.model.'));
  const settings = isPeft
    ? await readJson(join(dirname(file), PEFT_CONFIG), settingsSchema)
    : settingsIn(path, metadata.lora_adapter_metadata);
  return { tensors, settings };
}

/** diffusers' header, whose names begin with the component's. Throws InputError where it is broken: it holds alpha. */
function settingsIn(path: string, text: string | undefined): Settings | undefined {
  if (text === undefined) return undefined;
  try {
    const all = Object.entries(JSON.parse(text) as object);
    const own = all.flatMap(([name, value]) =>
      name.startsWith('unet.') ? [[name.slice('unet.'.length), value] as const] : [],
    );
    return settingsSchema.parse(Object.fromEntries(own));
  } catch (error) {
    throw new InputError(
      `cannot read the lora_adapter_metadata of ${path}, which say how strong the LoRA is; copy or download it again`,
      { cause: error },
    );
  }
}

/** From the start of a tensor's name to the path of its layer, which in SD XL has two names; undefined where there is none. */
function modulePaths(unet: Network<UNetConfig>): (start: string) => string | undefined {
  const keys = [...unet.parameters.keys()].filter((key) => key.endsWith('.weight'));
  const bare = (key: string) => key.replace(/\.weight$/, '');
  const known = new Set(keys.map(bare));
  const flat = (path: string) => `lora_unet_${path.replaceAll('.', '_')}`;
  const underscored = new Map(keys.map((key) => [flat(bare(key)), bare(key)]));
  if (unet.config.addition_embed_type === 'text_time') {
    for (const [key, original] of originalUNetKeys(unet.config, keys))
      underscored.set(flat(bare(original)), bare(key));
  }
  return (start) => {
    const path = start
      .replace(/^(unet\.|base_model\.model\.)/, '')
      .replace(/\.processor\.to_out$/, '.to_out.0')
      .replace(/\.processor\./, '.');
    return underscored.get(start) ?? (known.has(path) ? path : undefined);
  };
}

function factorsOf(
  file: string,
  module: string,
  { down, up, alpha, doraScale, magnitude }: Partial<Record<Part, Tensor>>,
  settings: Settings | undefined,
  unet: Network<UNetConfig>,
): ModuleFactors {
  if (!down || !up)
    throw new InputError(`${file} has only one of the two factors of "${module}"; copy or download it again`);
  const rank = down.shape[0]!;
  const own = alpha ? toFloat32(alpha)[0]! : alphaOf(module, settings, rank);
  const floats = (value: Tensor) => tensor(value.shape, toFloat32(value));
  const weight = unet.parameters.get(`${module}.weight`)!;
  return {
    module,
    a: floats(down),
    b: floats(up),
    alpha: own,
    magnitude: magnitude && floats(magnitude),
    doraScale: doraScale && floats(doraScale),
    weight,
  };
}

/** As PEFT finds it: by the end of the layer's name, for all layers, or the rank. */
function alphaOf(module: string, settings: Settings | undefined, rank: number): number {
  const { lora_alpha = rank, alpha_pattern, use_rslora } = settings ?? {};
  const special = Object.entries(alpha_pattern ?? {}).find(([end]) =>
    new RegExp(`(^|.*\\.)(${end})$`).test(module),
  );
  const alpha = special ? special[1] : lora_alpha;
  return use_rslora ? alpha * Math.sqrt(rank) : alpha;
}
