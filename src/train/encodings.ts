/** Pictures and captions as the UNet takes them: encoded once, remembered by content, in memory and, if wanted, on disk. */
import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { InputError } from '../errors.js';
import { exists, readSafetensors, writeSafetensors } from '../formats/index.js';
import type { StableDiffusion } from '../models/index.js';
import { type Tensor, tensor } from '../tensor/index.js';
import { networkDigest } from './digest.js';

/** What encodes: a model, or what is left of it. */
export type Encoders = Pick<
  StableDiffusion,
  'vae' | 'textEncoder' | 'tokenizerFiles' | 'encodeMoments' | 'encodePrompts' | 'dispose'
>;

export interface EncodingsOptions {
  /** Where encodings outlive the process; models can share it, since names depend on the encoders' weights. */
  folder?: string | undefined;
  /** Whether pictures stay in memory once encoded; not of use where each step crops them anew. True unless said. */
  rememberPictures?: boolean | undefined;
}

export class Encodings {
  private readonly remembered = new Map<string, Tensor<'float32'>>();
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
    return this.recall('moments', pixelKey, async (encoders) => {
      const pixels = await load();
      const side = Math.sqrt(pixels.length / 3);
      return encoders.encodeMoments(tensor([1, 3, side, side], pixels));
    });
  }

  /** A caption's text states, [1, T, D]. */
  textStates(caption: string): Promise<Tensor<'float32'>> {
    return this.recall('text states', caption, (encoders) => encoders.encodePrompts([caption]));
  }

  /** Lets go of the encoders; what was encoded stays. */
  async release(): Promise<void> {
    await this.encoders?.dispose();
    this.encoders = undefined;
  }

  private async recall(
    kind: 'moments' | 'text states',
    key: string,
    encode: (encoders: Encoders) => Promise<Tensor<'float32'>>,
  ): Promise<Tensor<'float32'>> {
    const name = `${kind} ${key}`;
    let found = this.remembered.get(name);
    if (!found) {
      const { folder, rememberPictures = true } = this.options;
      const path = folder && join(folder, `${this.address(kind, key)}.safetensors`);
      found = path ? await stored(path) : undefined;
      if (!found) {
        found = await encode(this.held());
        if (path) await writeSafetensors(path, { encoding: found }, { kind });
      }
      if (kind === 'text states' || rememberPictures) this.remembered.set(name, found);
    }
    return found;
  }

  private held(): Encoders {
    if (!this.encoders) throw new Error('the encoders were released before everything was encoded');
    return this.encoders;
  }

  /** SHA-256 of what an encoding depends on: the encoder's weights and configuration, and the content. */
  private address(kind: 'moments' | 'text states', key: string): string {
    let encoder = this.fingerprints.get(kind);
    if (!encoder) {
      const { vae, textEncoder, tokenizerFiles } = this.held();
      encoder = kind === 'moments' ? networkDigest(vae) : networkDigest(textEncoder, tokenizerFiles.values());
      this.fingerprints.set(kind, encoder);
    }
    return createHash('sha256').update(`${kind}\n${encoder}\n${key}`).digest('hex');
  }
}

/** An encoding on disk; none where the file is missing or broken, since it can be made again. */
async function stored(path: string): Promise<Tensor<'float32'> | undefined> {
  if (!(await exists(path))) return undefined;
  try {
    return (await readSafetensors(path)).tensors.get('encoding') as Tensor<'float32'> | undefined;
  } catch (error) {
    if (error instanceof InputError) return undefined;
    throw error;
  }
}
