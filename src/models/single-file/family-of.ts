/** Which family a single file is of, told by its keys and shapes; other kinds of file are refused by their name. */
import { InputError } from '../../errors.js';
import { FAMILIES, type Family, UNET_PREFIX, VAE_PREFIX } from './families.js';
import type { Shapes } from './shapes.js';

type Test = (shapes: Shapes) => boolean;

const having =
  (pattern: RegExp): Test =>
  (shapes) => {
    for (const key of shapes.keys()) if (pattern.test(key)) return true;
    return false;
  };
const inputChannels =
  (channels: number): Test =>
  (shapes) =>
    shapes.get(`${UNET_PREFIX}input_blocks.0.0.weight`)?.[1] === channels;

const DRAW = 'take a model that draws from text alone';
const WHOLE = 'take the whole model';

/** Kinds that are not read, in the order in which they are told apart: how to tell, what it is, what to do. */
const OTHERS: readonly (readonly [Test, string, string])[] = [
  [having(/^delta\./), 'an adapter of this program', 'name it with --adapter'],
  [having(/(^|\.)joint_blocks\./), 'Stable Diffusion 3', 'take Stable Diffusion 1, 2 or XL'],
  [having(/(^|\.)double_blocks\./), 'Flux', 'take Stable Diffusion 1, 2 or XL'],
  [having(/(^|\.)motion_modules\./), 'a motion module of AnimateDiff', WHOLE],
  [having(/^control_model\.|(^|\.)(input_hint_block|controlnet_cond_embedding)\./), 'a ControlNet', WHOLE],
  [having(/\.time_stack\.|\.time_mixer\./), 'Stable Video Diffusion', DRAW],
  [having(/\.(lora_down|lora_up|lora_A|lora_B|lora\.down|lora\.up|hada_w1_a|lokr_w1)/), 'a LoRA', WHOLE],
  [having(/^(edm_mean|edm_std)$/), 'Playground 2.5', 'take Stable Diffusion 1, 2 or XL'],
  [having(/^edm_vpred\./), 'Cos XL', 'take Stable Diffusion 1, 2 or XL'],
  [inputChannels(9), 'an inpainting model', DRAW],
  [inputChannels(8), 'an InstructPix2Pix model', DRAW],
  [inputChannels(7), 'an upscaler', DRAW],
  [inputChannels(5), 'a model conditioned on depth', DRAW],
  [having(/^(emb_params|clip_l|clip_g|string_to_param\b.*)$/), 'a textual inversion', WHOLE],
  [
    (shapes) => shapes.has('conv_in.weight') && having(/^(down|up)_blocks\./)(shapes),
    'the UNet of a diffusers folder',
    'name the folder with its config.json',
  ],
  [
    (shapes) =>
      having(/^(first_stage_model\.)?(encoder|decoder)\./)(shapes) && !having(/input_blocks\./)(shapes),
    'an autoencoder alone',
    WHOLE,
  ],
  [
    (shapes) => having(/^input_blocks\./)(shapes) || (hasUNet(shapes) && !hasText(shapes)),
    'a UNet without text encoders',
    WHOLE,
  ],
];

const hasUNet: Test = (shapes) => shapes.has(`${UNET_PREFIX}input_blocks.0.0.weight`);
const hasText: Test = having(/^(cond_stage_model|conditioner)\./);

/** The family of a file with a UNet, an autoencoder and text encoders. Throws InputError for everything else. */
export function familyOf(path: string, shapes: Shapes): Family {
  const other = OTHERS.find(([test]) => test(shapes));
  if (other) throw new InputError(`${path} is ${other[1]}, which is not read as a model; ${other[2]}`);
  if (!hasUNet(shapes)) {
    throw new InputError(
      `${path} has none of Stable Diffusion's weights, such as "${UNET_PREFIX}input_blocks.0.0.weight"; take a Stable Diffusion 1, 2 or XL file`,
    );
  }
  const classes = shapes.has(`${UNET_PREFIX}label_emb.0.0.weight`);
  const keys = [...shapes.keys()];
  const begins = (prefix: string) => keys.some((key) => key.startsWith(prefix));
  const family = Object.values(FAMILIES).find(({ textEncoders }) =>
    textEncoders.every(({ prefixes }) => prefixes.some(begins)),
  );
  if (classes && family?.name !== 'sdxl') {
    const kind = begins('conditioner.embedders.0.model.')
      ? 'the refiner of Stable Diffusion XL'
      : 'a model conditioned on more than text, such as unCLIP';
    throw new InputError(`${path} is ${kind}, which is not read as a model; ${DRAW}`);
  }
  if (!family) {
    const expected = Object.values(FAMILIES).flatMap(({ textEncoders }) => textEncoders[0]!.prefixes[0]!);
    throw new InputError(
      `${path} has no text encoder that is known; expected keys that begin with ${expected.join(', ')}`,
    );
  }
  if (!begins(VAE_PREFIX)) {
    throw new InputError(`${path} has no autoencoder ("${VAE_PREFIX}…"); ${WHOLE}`);
  }
  return family;
}
