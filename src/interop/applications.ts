/**
 * Which application loads which kind of file, and why not: the one table. Snapshots that were read or run: diffusers
 * 58eb52c with transformers 5.18, PEFT 0.21, ComfyUI a125cd8, sd-scripts 48d368f, AUTOMATIC1111 1.10.
 */
import type { FileKind, FileTrait } from './file-kinds.js';

export const APPLICATIONS = [
  'sara-diffusion',
  'diffusers',
  'PEFT',
  'ComfyUI',
  'sd-scripts',
  'AUTOMATIC1111',
] as const;
export type Application = (typeof APPLICATIONS)[number];

/** `unknown`: nobody has found out. */
export type Loads = 'yes' | 'partly' | 'no' | 'unknown';

export interface Verdict {
  readonly loads: Loads;
  /** How it is loaded, or why it is not, as a sentence without a full stop. */
  readonly why: string;
}

const yes = (why: string): Verdict => ({ loads: 'yes', why });
const partly = (why: string): Verdict => ({ loads: 'partly', why });
const no = (why: string): Verdict => ({ loads: 'no', why });
const unknown = (why: string): Verdict => ({ loads: 'unknown', why });

type Row = Readonly<Record<Application, Verdict>>;

const NOT_ITS_KEYS = 'no key begins with base_model.model., so it would load nothing';
const APPLIES = yes(
  'name it with --adapter beside its base model, or make an adapter of it with "sara import"',
);
const ONLY_OWN = 'it reads LoRA and DoRA of Stable Diffusion 1, 2 and XL, but not these';
const WHOLE = 'it is a whole model and not an adapter';
const EXPORT = '"sara export" writes a file that it loads';
const EMBEDDING = 'it reads no textual inversions';

/** All applications alike. */
const all = (verdict: Verdict): Row => ({
  'sara-diffusion': verdict,
  diffusers: verdict,
  PEFT: verdict,
  ComfyUI: verdict,
  'sd-scripts': verdict,
  AUTOMATIC1111: verdict,
});

/** By kind alone. */
export const BY_KIND: Readonly<Record<FileKind, Row>> = {
  'sara-adapter': {
    'sara-diffusion': yes('name it with --adapter'),
    diffusers: no(`it stops, since not all keys contain "lora"; ${EXPORT}: --format lora or checkpoint`),
    PEFT: no(`${NOT_ITS_KEYS}; ${EXPORT} for diffusers`),
    ComfyUI: no(
      `it skips every key ("lora key not loaded"); ${EXPORT}: --format comfyui, lora or checkpoint`,
    ),
    'sd-scripts': no(`it looks for lora_down keys; ${EXPORT}: --format lora or checkpoint`),
    AUTOMATIC1111: no(`no key matches a layer; ${EXPORT}: --format lora or checkpoint`),
  },
  'official-sara': {
    'sara-diffusion': APPLIES,
    diffusers: no(`it holds values without names; "sara import" it, and ${EXPORT}`),
    PEFT: no(`it holds values without names; "sara import" it, and ${EXPORT} for diffusers`),
    ComfyUI: no(`it holds values without names; "sara import" it, and ${EXPORT}`),
    'sd-scripts': no(`it holds values without names; "sara import" it, and ${EXPORT}`),
    AUTOMATIC1111: no(`it holds values without names; "sara import" it, and ${EXPORT}`),
  },
  'single-file': {
    'sara-diffusion': yes('name it with --model'),
    diffusers: yes('from_single_file of the pipeline'),
    PEFT: no(WHOLE),
    ComfyUI: yes('Load Checkpoint, from models/checkpoints'),
    'sd-scripts': yes('--pretrained_model_name_or_path'),
    AUTOMATIC1111: yes('from models/Stable-diffusion'),
  },
  'other-model': {
    ...all(unknown('only files of Stable Diffusion 1, 2 and XL are known here')),
    'sara-diffusion': no('it reads whole models of Stable Diffusion 1, 2 and XL'),
    PEFT: no(WHOLE),
  },
  unet: {
    'sara-diffusion': yes('in its folder beside config.json: name the model folder with --model'),
    diffusers: yes('in its folder beside config.json: from_pretrained of the folder'),
    PEFT: no('it is a part of a model and not an adapter'),
    ComfyUI: yes('Load Diffusion Model, from models/diffusion_models'),
    'sd-scripts': yes('in its folder: --pretrained_model_name_or_path with the model folder'),
    AUTOMATIC1111: no('it reads whole models in single files; "sara convert" the model folder'),
  },
  vae: {
    'sara-diffusion': yes('in its folder beside config.json: name the model folder with --model'),
    diffusers: yes('in its folder beside config.json: from_pretrained of the folder'),
    PEFT: no('it is a part of a model and not an adapter'),
    ComfyUI: yes('Load VAE, from models/vae'),
    'sd-scripts': yes('in its folder: --vae with that folder'),
    AUTOMATIC1111: no('it expects the original file\'s keys; "sara convert" the model folder'),
  },
  'text-encoder': {
    'sara-diffusion': yes('in its folder beside config.json: name the model folder with --model'),
    diffusers: yes('in its folder beside config.json: from_pretrained of the folder'),
    PEFT: no('it is a part of a model and not an adapter'),
    ComfyUI: yes('Load CLIP, from models/text_encoders'),
    'sd-scripts': yes('in its folder: --pretrained_model_name_or_path with the model folder'),
    AUTOMATIC1111: no('it reads whole models in single files; "sara convert" the model folder'),
  },
  'kohya-lora': {
    'sara-diffusion': APPLIES,
    diffusers: yes('load_lora_weights of the pipeline'),
    PEFT: no(`${NOT_ITS_KEYS}; load it with diffusers`),
    ComfyUI: yes('Load LoRA, from models/loras'),
    'sd-scripts': yes('--network_weights, or networks/merge_lora.py'),
    AUTOMATIC1111: yes('from models/Lora'),
  },
  lycoris: {
    'sara-diffusion': no(ONLY_OWN),
    diffusers: no('it stops at keys that it cannot rename; merge it into a model elsewhere'),
    PEFT: no(NOT_ITS_KEYS),
    ComfyUI: yes('Load LoRA, from models/loras'),
    'sd-scripts': partly('with --network_module lycoris.kohya of the package lycoris-lora'),
    AUTOMATIC1111: yes('from models/Lora'),
  },
  'diffusers-lora': {
    'sara-diffusion': APPLIES,
    diffusers: yes('load_lora_weights of the pipeline'),
    PEFT: no(`${NOT_ITS_KEYS}; load it with diffusers`),
    ComfyUI: no('it skips every key of the UNet ("lora key not loaded"); take the version with kohya keys'),
    'sd-scripts': no('it looks for keys that begin with lora_unet_; take the version with kohya keys'),
    AUTOMATIC1111: no('no key matches a layer; take the version with kohya keys'),
  },
  'old-diffusers-lora': {
    'sara-diffusion': APPLIES,
    diffusers: yes('load_lora_weights of the pipeline'),
    PEFT: no(`${NOT_ITS_KEYS}; load it with diffusers`),
    ComfyUI: yes('Load LoRA, from models/loras'),
    'sd-scripts': no('it looks for keys that begin with lora_unet_; take the version with kohya keys'),
    AUTOMATIC1111: no('no key matches a layer; take the version with kohya keys'),
  },
  'transformer-lora': {
    'sara-diffusion': no(ONLY_OWN),
    diffusers: yes("load_lora_weights of the transformer's own pipeline"),
    PEFT: no(NOT_ITS_KEYS),
    ComfyUI: yes('Load LoRA, from models/loras'),
    'sd-scripts': no('it looks for keys that begin with lora_unet_'),
    AUTOMATIC1111: no('no key matches a layer'),
  },
  'peft-adapter': {
    'sara-diffusion': APPLIES,
    diffusers: no(
      'it loads nothing and only warns ("No LoRA keys associated to UNet2DConditionModel"); load it with PEFT',
    ),
    PEFT: yes('PeftModel.from_pretrained with its folder, beside adapter_config.json'),
    ComfyUI: no('it skips every key of a UNet ("lora key not loaded")'),
    'sd-scripts': no('it looks for keys that begin with lora_unet_'),
    AUTOMATIC1111: no('no key matches a layer'),
  },
  'comfyui-patch': {
    'sara-diffusion': no('it writes such patches but does not read them'),
    diffusers: no('it stops, since not all keys contain "lora"'),
    PEFT: no(NOT_ITS_KEYS),
    ComfyUI: yes('Load LoRA, from models/loras'),
    'sd-scripts': no('it looks for lora_down keys'),
    AUTOMATIC1111: no('no key matches a layer, since it expects the beginning lora_unet_'),
  },
  'diffusers-embedding': {
    'sara-diffusion': yes('name it with --embedding of sara generate'),
    diffusers: yes('load_textual_inversion of the pipeline'),
    PEFT: no(EMBEDDING),
    ComfyUI: yes('embedding:<file name> in a prompt, from models/embeddings'),
    'sd-scripts': yes('--textual_inversion_embeddings of gen_img.py'),
    AUTOMATIC1111: yes('from embeddings, by the name of the file'),
  },
  'kohya-embedding': {
    'sara-diffusion': yes('name it with --embedding of sara generate'),
    diffusers: partly('the token would be called emb_params; give load_textual_inversion token="<…>"'),
    PEFT: no(EMBEDDING),
    ComfyUI: yes('embedding:<file name> in a prompt, from models/embeddings'),
    'sd-scripts': yes('--textual_inversion_embeddings of gen_img.py'),
    AUTOMATIC1111: yes('from embeddings, by the name of the file'),
  },
  'sdxl-embedding': {
    'sara-diffusion': yes('name it with --embedding of sara generate'),
    diffusers: no(
      'it takes one tensor a file; pass clip_l and clip_g one after the other, each with its tokenizer and text encoder',
    ),
    PEFT: no(EMBEDDING),
    ComfyUI: yes('embedding:<file name> in a prompt, from models/embeddings'),
    'sd-scripts': yes('--textual_inversion_embeddings of gen_img.py'),
    AUTOMATIC1111: yes('from embeddings, by the name of the file'),
  },
  'pickled-embedding': {
    'sara-diffusion': yes('name it with --embedding of sara generate'),
    diffusers: yes('load_textual_inversion of the pipeline'),
    PEFT: no(EMBEDDING),
    ComfyUI: yes('embedding:<file name> in a prompt, from models/embeddings'),
    'sd-scripts': yes('--textual_inversion_embeddings of gen_img.py'),
    AUTOMATIC1111: yes('from embeddings, by the name of the file'),
  },
  unknown: {
    ...all(unknown('its keys are of no kind that is known here')),
    'sara-diffusion': no('its keys are of no kind that it reads'),
  },
  unreadable: all(no('it is damaged or no file of tensors; copy or download it again')),
};

const BROKEN = 'its layers are not complete; copy or download it again';
const NO_TEXT = partly(
  '--adapter and "sara import" take the layers of the UNet and leave those of text encoders out',
);
const TEXT_MODEL =
  "with transformers 5.6 and later it stops at the text encoder's keys, which have text_model. in them; take a file without them";

/** What a trait changes, where that is no better; applications that are not named stay as they are. */
export const BY_TRAIT: Readonly<Record<FileTrait, Readonly<Partial<Record<Application, Verdict>>>>> = {
  incomplete: all(no(BROKEN)),
  'dora-scale': {
    diffusers: partly(
      'it drops dora_scale, so pictures differ from those in training; merge it into a model elsewhere',
    ),
    'sd-scripts': partly('it ignores dora_scale, so pictures differ from those in training'),
    AUTOMATIC1111: partly(
      'it divides by norms of columns, so that dora_scale of rows [out, 1], which ComfyUI takes, gives other pictures',
    ),
  },
  magnitude: {},
  'alpha-beside-unet': {
    diffusers: no(
      'it stops at .alpha beside keys that begin with unet.; state alpha in lora_adapter_metadata instead',
    ),
  },
  'mixed-names': {
    diffusers: partly(
      'its first key has lora_A, so it ignores all that have lora.down without a word; rename them to lora_A and lora_B',
    ),
  },
  'outer-layers': {
    diffusers: yes(
      'load_lora_weights of the pipeline; before 0.39 without conv_in, conv_out and the time embedding',
    ),
    'sd-scripts': partly('it ignores conv_in, conv_out and the time embedding'),
  },
  'text-model': { 'sara-diffusion': NO_TEXT, diffusers: no(TEXT_MODEL) },
  'flat-text': {
    ComfyUI: no(
      'it tells text encoders by keys with text_model., which transformers 5.6 and later leave out',
    ),
  },
};
