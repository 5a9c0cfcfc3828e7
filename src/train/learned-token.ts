/** The token that a run of Textual Inversion learns: its settings, its captions, its rows before and after. */
import { InputError } from '../errors.js';
import {
  type LearnedToken,
  type ModelConfigs,
  type PromptEncoder,
  rowsOfWord,
  tokenTable,
  withLearnedTokens,
} from '../models/index.js';
import { METHODS } from '../peft/index.js';
import { tensor, toFloat32 } from '../tensor/index.js';
import type { TrainConfig } from './config.js';
import type { ImageFolder } from './data/image-folder.js';
import { captionsWith } from './data/templates.js';

/** Whether the run trains a text encoder, for a token of its own. */
export const learnsToken = ({ method }: TrainConfig): boolean => METHODS[method].network === 'text_encoder';

/** Throws InputError where the settings of a token are given to another method, or are missing. */
export function expectTokenSettings(config: TrainConfig): void {
  const { method, token, initWord, trainOnly } = config;
  if (!learnsToken(config)) {
    if (token === undefined && initWord === undefined) return;
    throw new InputError(
      `--token and --init-word are for --method textual-inversion, this is ${method}; leave them out`,
    );
  }
  if (token === undefined || initWord === undefined) {
    throw new InputError(
      `--method ${method} needs the token to learn and a word to begin with; give both, such as --token "<my-cat>" --init-word cat`,
    );
  }
  if (trainOnly.length > 0)
    throw new InputError(`--method ${method} trains the rows of its token alone; leave --train-only out`);
}

/** Throws InputError where the model has more text encoders than one, whose rows would have to train together. */
export function expectOneTextEncoder({ model, method }: TrainConfig, { textEncoders }: ModelConfigs): void {
  if (textEncoders.length === 1) return;
  throw new InputError(
    `--method ${method} trains the one text encoder of Stable Diffusion 1 and 2, but ${model} has ${textEncoders.length} as Stable Diffusion XL does; choose a method that trains the UNet, such as sara or lora`,
  );
}

/** The captions that a run gives all pictures, of which each shows one; none where pictures have their own. */
export function captionsOf(config: TrainConfig): string[] | undefined {
  const { instancePrompt, token, tokenCaptions } = config;
  if (instancePrompt !== undefined) return [instancePrompt];
  return learnsToken(config) ? captionsWith(token!, tokenCaptions) : undefined;
}

/** Throws InputError where no caption has the token in it. */
export function expectTokenIn(data: ImageFolder, { token }: TrainConfig): void {
  const wanted = token!.toLowerCase();
  if (data.entries.some((entry) => data.captionOf(entry).toLowerCase().includes(wanted))) return;
  throw new InputError(
    `no caption has the token "${token}" in it; write it into captions, or take others with --token-captions`,
  );
}

/** The text encoders with the new token, whose rows are those of the word. Throws InputError where it is none. */
export function withNewToken(
  encoders: readonly PromptEncoder[],
  { token, initWord, vectors }: TrainConfig,
): readonly PromptEncoder[] {
  const rows = encoders.map((encoder) => rowsOfWord(encoder, initWord!, vectors));
  return withLearnedTokens(encoders, [{ token: token!, rows }]);
}

/** The token as the text encoders have it now. */
export function learnedTokenOf(
  encoders: readonly PromptEncoder[],
  { token, vectors }: TrainConfig,
): LearnedToken {
  const rows = encoders.map(({ network }) => {
    const { weight } = tokenTable(network);
    const width = weight.shape[1]!;
    return tensor([vectors, width], toFloat32(weight).slice(-vectors * width));
  });
  return { token: token!, rows };
}
