/** Pictures and captions as the UNet takes them: encoded once, remembered by content, in memory and, if wanted, on disk. */
import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { InputError } from '../errors.js';
import { exists, readSafetensors, writeSafetensors } from '../formats/index.js';
import type { Encoders, TextStates } from '../models/index.js';
import { type Tensor, tensor } from '../tensor/index.js';
import { networkDigest, textDigest } from './digest.js';

export interface EncodingsOptions {
  /** Where encodings outlive the process; models can share it, since names depend on the encoders' weights. */
  folder?: string | undefined;
  /** Whether pictures stay in memory once encoded; not of use where each step crops them anew. True unless said. */
  rememberPictures?: boolean | undefined;
}

type Float32s = ReadonlyMap<string, Tensor<'float32'>>;

/** A kind of encoding, and how it is written to a file. */
interface Kind<Encoding> {
  readonly name: string;
  pack(encoding: Encoding): Float32s;
  /** Undefined where the file holds something else. */
  unpack(tensors: Float32s): Encoding | undefined;
}

const MOMENTS: Kind<Tensor<'float32'>> = {
  name: 'moments',
  pack: (moments) => new Map([['encoding', moments]]),
  unpack: (tensors) => tensors.get('encoding'),
};

const TEXT_STATES: Kind<TextStates> = {
  name: 'text states',
  pack: ({ encoderHiddenStates, pooled }) => {
    const tensors = new Map([['encoding', encoderHiddenStates]]);
    return pooled ? tensors.set('pooled', pooled) : tensors;
  },
  unpack: (tensors) => {
    const encoderHiddenStates = tensors.get('encoding');
    return encoderHiddenStates && { encoderHiddenStates, pooled: tensors.get('pooled') };
  },
};

export class Encodings {
  private readonly remembered = new Map<string, unknown>();
  private readonly fingerprints = new Map<string, string>();
  private encoders: Encoders | undefined;

  constructor(
    encoders: Encoders,
    private readonly options: EncodingsOptions = {},
  ) {
    this.encoders = encoders;
  }

  /**
   * Mean and log variance of a picture's latents, [1, 2C, h, w], not scaled. Equal keys mean equal pixels; `load` gives
   * them, [3, size, size], where they are needed.
   */
  moments(pixelKey: string, load: () => Promise<Float32Array>): Promise<Tensor<'float32'>> {
    return this.recall(MOMENTS, pixelKey, this.options.rememberPictures ?? true, async (encoders) => {
      const pixels = await load();
      const side = Math.sqrt(pixels.length / 3);
      return encoders.encodeMoments(tensor([1, 3, side, side], pixels));
    });
  }

  /** What the UNet takes of a caption, [1, …]; of an empty one, what guidance takes for no text. */
  textStates(caption: string): Promise<TextStates> {
    return this.recall(TEXT_STATES, caption, true, (encoders) =>
      caption === '' ? encoders.encodeNoPrompt() : encoders.encodePrompts([caption]),
    );
  }

  /** Lets go of the encoders; what was encoded stays. */
  async release(): Promise<void> {
    await this.encoders?.dispose();
    this.encoders = undefined;
  }

  private async recall<Encoding>(
    kind: Kind<Encoding>,
    key: string,
    remember: boolean,
    encode: (encoders: Encoders) => Promise<Encoding>,
  ): Promise<Encoding> {
    const name = `${kind.name} ${key}`;
    let found = this.remembered.get(name) as Encoding | undefined;
    if (!found) {
      const { folder } = this.options;
      const path = folder && join(folder, `${this.address(kind.name, key)}.safetensors`);
      const tensors = path ? await stored(path) : undefined;
      found = tensors && kind.unpack(tensors);
      if (!found) {
        found = await encode(this.held());
        if (path) await writeSafetensors(path, kind.pack(found), { kind: kind.name });
      }
      if (remember) this.remembered.set(name, found);
    }
    return found;
  }

  private held(): Encoders {
    if (!this.encoders) throw new Error('the encoders were released before everything was encoded');
    return this.encoders;
  }

  /** SHA-256 of what an encoding depends on: the encoder's weights and configuration, and the content. */
  private address(kind: string, key: string): string {
    let encoder = this.fingerprints.get(kind);
    if (!encoder) {
      encoder = kind === MOMENTS.name ? networkDigest(this.held().vae) : textDigest(this.held());
      this.fingerprints.set(kind, encoder);
    }
    return createHash('sha256').update(`${kind}\n${encoder}\n${key}`).digest('hex');
  }
}

/** An encoding on disk; none where the file is missing or broken, since it can be made again. */
async function stored(path: string): Promise<Float32s | undefined> {
  if (!(await exists(path))) return undefined;
  try {
    return (await readSafetensors(path)).tensors as Float32s;
  } catch (error) {
    if (error instanceof InputError) return undefined;
    throw error;
  }
}
