/** Which kind of file it is, told by the names and shapes of its tensors and its metadata. */
import { InputError } from '../errors.js';
import type { TensorFile } from '../formats/index.js';
import { familyOf } from '../models/single-file/family-of.js';
import type { FileKind, FileTrait, Recognized } from './file-kinds.js';

type Described = Pick<TensorFile, 'path' | 'metadata' | 'tensors'>;

/** Kinds with keys of their own, in the order in which they are told apart. */
const BY_KEY: readonly (readonly [RegExp, FileKind])[] = [
  [/^diffusion_model\..+\.diff(_b)?$/, 'comfyui-patch'],
  [/^(lora_(unet|te\d?)|lycoris)_.+\.(hada_|lokr_|oft_|oft_blocks|glora|a1\.|b1\.|diff$|w_norm$)/, 'lycoris'],
  [/^lora_(unet|te\d?)_.+\.lora_(down|up)\.weight$/, 'kohya-lora'],
  [/^unet\..+\.processor\.to_\w+_lora\.(down|up)\.weight$/, 'old-diffusers-lora'],
  [/^(unet|text_encoder(_2)?)\..+\.lora(_A|_B|(_linear_layer)?\.(down|up))\.weight$/, 'diffusers-lora'],
  [/^transformer\..+\.lora_[AB]\.weight$/, 'transformer-lora'],
  [/^base_model\.model\..+\.(lora_[AB]\.weight|shira_weight|lora_magnitude_vector)/, 'peft-adapter'],
  [/^motion_modules\.|\.motion_modules\.|^control_model\.|controlnet_cond_embedding/, 'unknown'],
];

/** Kinds that need several keys together. */
const BY_KEYS: readonly (readonly [readonly RegExp[], FileKind])[] = [
  [[/^conv_in\.weight$/, /^(down|up)_blocks\./], 'unet'],
  [[/^encoder\.conv_in\.weight$/, /^decoder\.conv_in\.weight$/], 'vae'],
  [[/^(text_model\.)?embeddings\.token_embedding\.weight$/], 'text-encoder'],
  [[/^emb_params$/], 'kohya-embedding'],
  [[/^clip_l$/, /^clip_g$/], 'sdxl-embedding'],
];

const MODEL = /^(model\.diffusion_model|cond_stage_model|conditioner|first_stage_model|text_encoders)\./;

export function recognize(file: Described): Recognized {
  const keys = [...file.tensors.keys()];
  const some = (pattern: RegExp) => keys.some((key) => pattern.test(key));
  if (file.metadata.format === 'sara-diffusion adapter') return { kind: 'sara-adapter', traits: [] };
  const own = BY_KEY.find(([pattern]) => some(pattern)) ?? BY_KEYS.find(([all]) => all.every(some));
  if (own) return { kind: own[1], ...traitsOf(own[1], file, keys) };
  if (some(MODEL)) return model(file);
  return { kind: isEmbedding(file) ? 'diffusers-embedding' : 'unknown', traits: [] };
}

function model({ path, tensors }: Described): Recognized {
  try {
    familyOf(path, new Map([...tensors].map(([key, { shape }]) => [key, shape])));
    return { kind: 'single-file', traits: [] };
  } catch (error) {
    if (!(error instanceof InputError)) throw error;
    return { kind: 'other-model', traits: [], problem: error.message };
  }
}

/** One tensor [n, d] or [d], under the name of its token. */
function isEmbedding({ tensors }: Described): boolean {
  const [[name, only] = ['', undefined]] = tensors;
  return tensors.size === 1 && only!.shape.length <= 2 && !name.includes('.');
}

function traitsOf(
  kind: FileKind,
  file: Described,
  keys: readonly string[],
): Pick<Recognized, 'traits' | 'problem'> {
  const some = (pattern: RegExp) => keys.some((key) => pattern.test(key));
  const first = keys.find((key) => key.startsWith('unet.')) ?? '';
  const holds: Readonly<Partial<Record<FileTrait, boolean>>> = {
    'dora-scale': some(/\.dora_scale$/),
    magnitude: some(/\.lora_magnitude_vector(\.weight)?$/),
    'alpha-beside-unet': kind.endsWith('diffusers-lora') && some(/\.alpha$/),
    'mixed-names': /\.lora_[AB]\.weight$/.test(first) && some(/^unet\..+\.lora\.(down|up)\.weight$/),
    'outer-layers': some(OUTER_LAYERS),
    'text-model': some(/^(lora_te\d?_text_model_|text_encoder(_2)?\.text_model\.)/),
    'flat-text': kind === 'text-encoder' && !some(/^text_model\./),
  };
  const traits = (Object.keys(holds) as FileTrait[]).filter((trait) => holds[trait]);
  const problem = unpaired(file);
  return problem === undefined ? { traits } : { traits: ['incomplete', ...traits], problem };
}

/** Layers that sd-scripts' own LoRAs do not have, under both programs' names for them. */
const OUTER_LAYERS =
  /^lora_unet_(conv_(in|out)|(time|add)_embedding_linear_\d|input_blocks_0_0|out_2|time_embed_\d|label_emb_\d_\d)\./;

/** Endings of the names of two factors: [r, in] and [out, r]. */
const FACTORS: readonly (readonly [string, string])[] = [
  ['.lora_down.weight', '.lora_up.weight'],
  ['.lora_A.weight', '.lora_B.weight'],
  ['.lora.down.weight', '.lora.up.weight'],
  ['_lora.down.weight', '_lora.up.weight'],
  ['.lora_linear_layer.down.weight', '.lora_linear_layer.up.weight'],
];

/** The first layer whose factors do not belong together, in words. */
function unpaired({ tensors }: Described): string | undefined {
  for (const [name, { shape }] of tensors) {
    for (const [down, up] of FACTORS) {
      const here = name.endsWith(down) ? down : name.endsWith(up) ? up : undefined;
      if (here === undefined) continue;
      const partner = name.slice(0, -here.length) + (here === down ? up : down);
      const other = tensors.get(partner);
      if (!other) return `"${name}" lacks "${partner}"`;
      if (here === down && other.shape[1] !== shape[0])
        return `"${name}" has rank ${shape[0]} but "${partner}" rank ${other.shape[1]}`;
    }
  }
  return undefined;
}
