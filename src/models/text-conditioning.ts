/** What texts and picture sizes tell the UNet: the states of the text encoders and, in Stable Diffusion XL, pooled text and time ids. */
import type { ClipTokenizer, TokenizerFiles } from '../formats/index.js';
import type { Value } from '../graph/index.js';
import type { Scope } from '../nn/index.js';
import { concatenate, type Tensor, tensor } from '../tensor/index.js';
import { type ClipTextConfig, clipTextModel } from './clip-text.js';
import type { Pipeline } from './model-index.js';
import type { SavableNetwork } from './network-kind.js';

/** A text encoder with the tokenizer that feeds it. */
export interface PromptEncoder {
  readonly network: SavableNetwork<ClipTextConfig>;
  readonly tokenizer: ClipTokenizer;
  /** The tokenizer folder's name, and its files by name, to be written again. */
  readonly tokenizerName: string;
  readonly tokenizerFiles: TokenizerFiles;
}

/** What the UNet takes of texts. */
export interface TextStates {
  /** [B, T, D] */
  readonly encoderHiddenStates: Tensor<'float32'>;
  /** [B, P], in Stable Diffusion XL. */
  readonly pooled?: Tensor<'float32'> | undefined;
}

/** All that the UNet is conditioned on but the timestep. */
export interface Conditioning extends TextStates {
  /** [B, 6] as `timeIds` gives them, in Stable Diffusion XL. */
  readonly timeIds?: Tensor<'float32'> | undefined;
}

/** One text encoder's part of the states: [1, T] ids → [1, T, C], and the projected pooled text [1, P] of those that have it. */
export function promptStates(
  scope: Scope,
  config: ClipTextConfig,
  conditioning: Pipeline['conditioning'],
  inputs: { inputIds: Value; pooledRows: Value },
): { states: Value; pooled?: Value } {
  if (conditioning === 'last states') {
    return { states: clipTextModel(scope, config, { inputIds: inputs.inputIds }).lastHiddenState };
  }
  const { hiddenStates, textEmbeds } = clipTextModel(scope, config, inputs);
  const states = hiddenStates.at(-2)!;
  return textEmbeds ? { states, pooled: textEmbeds } : { states };
}

/** The states of one text by each of its encoders, side by side; pooled text is that of the last encoder. */
export function sideBySide(parts: readonly TextStates[]): TextStates {
  const states = parts.map(({ encoderHiddenStates }) => encoderHiddenStates);
  return { encoderHiddenStates: concatenate(states, 2), pooled: parts.at(-1)!.pooled };
}

/** Conditionings [n, …] one after another as one batch; all have the same parts. */
export function stackConditionings(parts: readonly Conditioning[]): Conditioning {
  const stack = (key: keyof Conditioning) => parts[0]?.[key] && concatenate(parts.map((part) => part[key]!));
  return {
    encoderHiddenStates: stack('encoderHiddenStates')!,
    pooled: stack('pooled'),
    timeIds: stack('timeIds'),
  };
}

/** How a picture came to its size, in pixels, each as [height, width] or [top, left]. */
export interface PictureSizes {
  /** Before it was resized. */
  readonly original: readonly [number, number];
  /** Where the cut begins in the resized picture; the corner unless said. */
  readonly crop?: readonly [number, number] | undefined;
  readonly target: readonly [number, number];
}

/** Stable Diffusion XL's size and crop conditioning (Podell et al. 2023, section 2.2), [1, 6]. */
export function timeIds({ original, crop = [0, 0], target }: PictureSizes): Tensor<'float32'> {
  return tensor([1, 6], Float32Array.of(...original, ...crop, ...target));
}
