/** Kinds of files that users of Stable Diffusion have, and what some files of a kind have beyond it. */

/** Each kind in words. */
export const FILE_KINDS = {
  'sara-adapter': 'an adapter of sara-diffusion',
  'official-sara': 'trained values of the official SaRA',
  'single-file': 'a whole Stable Diffusion model in one file',
  'other-model': 'a model of a kind that sara-diffusion does not read',
  unet: 'the UNet of a diffusers folder',
  vae: 'the autoencoder of a diffusers folder',
  'text-encoder': 'a text encoder of a diffusers folder',
  'kohya-lora': "a LoRA with sd-scripts' keys",
  lycoris: 'a LyCORIS network (LoHa, LoKr and the like)',
  'diffusers-lora': "a LoRA with diffusers' keys",
  'old-diffusers-lora': "a LoRA with diffusers' keys of before 2024",
  'transformer-lora': "a LoRA of a transformer (Stable Diffusion 3, Flux) with diffusers' keys",
  'peft-adapter': 'the weights of a PEFT folder',
  'comfyui-patch': 'a ComfyUI patch of differences',
  'diffusers-embedding': 'a textual inversion as diffusers saves it',
  'kohya-embedding': 'a textual inversion as sd-scripts saves it',
  'sdxl-embedding': 'a textual inversion for both text encoders of SD XL',
  'pickled-embedding': 'a textual inversion as AUTOMATIC1111 saves it',
  unknown: 'a file of tensors of no known kind',
  unreadable: 'no file that can be read',
} as const;
export type FileKind = keyof typeof FILE_KINDS;

/** Each trait in words. */
export const FILE_TRAITS = {
  incomplete: 'layers lack one of their two factors',
  'dora-scale': 'DoRA, with dora_scale',
  magnitude: 'DoRA, with lora_magnitude_vector',
  'alpha-beside-unet': '.alpha beside keys that begin with unet.',
  'mixed-names': 'lora_A first, lora.down after it',
  'outer-layers': 'layers outside the blocks, such as conv_in',
  'text-model': 'keys of a text encoder with text_model.',
  'flat-text': 'keys of a text encoder without text_model.',
} as const;
export type FileTrait = keyof typeof FILE_TRAITS;

export interface Recognized {
  readonly kind: FileKind;
  readonly traits: readonly FileTrait[];
  /** What makes this file of that kind unusable, as a sentence without a full stop. */
  readonly problem?: string | undefined;
}
