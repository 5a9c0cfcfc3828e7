/** Captions of pictures by BLIP: one token after another, always the likeliest. */
import type { Image } from '../formats/index.js';
import { BLIP_CAPTIONING } from '../models/index.js';
import type { RuntimeOptions } from '../runtime/index.js';
import type { Tensor } from '../tensor/index.js';
import { type Blip, type BlipFolder, loadBlip } from './blip.js';

/** transformers' default for BLIP. */
const NEW_TOKENS = 20;

export class Captioner {
  private constructor(private readonly folder: BlipFolder) {}

  /** Reads a folder such as Salesforce/blip-image-captioning-base. Throws InputError where it is incomplete. */
  static async load(folder: string, runtime?: RuntimeOptions): Promise<Captioner> {
    return new Captioner(await loadBlip(folder, BLIP_CAPTIONING, runtime));
  }

  /** A caption that begins with `prompt`, such as "a picture of", at most `newTokens` longer. */
  async caption(image: Image, { prompt = '', newTokens = NEW_TOKENS } = {}): Promise<string> {
    const { blip, tokenizer, pixels } = this.folder;
    // The begin token stands in the place of [CLS], and the text goes on where [SEP] would stand.
    const words = tokenizer.encode(prompt).slice(1, -1);
    const start = [blip.config.text_config.bos_token_id, ...words];
    const ids = await greedyCaption(blip, pixels(image), start, newTokens);
    return tokenizer.decode(ids);
  }

  dispose(): Promise<void> {
    return this.folder.blip.sessions.dispose();
  }
}

/**
 * The ids of a caption of pixels [1, 3, H, W], those of `start` and the final separator among them; at most `newTokens` new
 * ones. The text is filled up to one length, so that one graph serves every token: it never looks ahead.
 */
export async function greedyCaption(
  blip: Blip,
  pixels: Tensor<'float32'>,
  start: readonly number[],
  newTokens: number,
): Promise<number[]> {
  const { pad_token_id, sep_token_id } = blip.config.text_config;
  const states = await blip.imageStates(pixels);
  const length = start.length + newTokens;
  const ids = [...start];
  while (ids.length < length && ids.at(-1) !== sep_token_id) {
    const filled = [...ids, ...new Array<number>(length - ids.length).fill(pad_token_id)];
    ids.push(indexOfLargest(await blip.nextLogits(filled, states, ids.length - 1)));
  }
  return ids;
}

function indexOfLargest(values: Float32Array): number {
  return values.reduce((best, value, i) => (value > values[best]! ? i : best), 0);
}
