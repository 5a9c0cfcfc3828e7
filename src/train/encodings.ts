/** Pictures and captions as the UNet takes them: encoded once, remembered by content, in memory and, if wanted, on disk. */
import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { InputError } from '../errors.js';
import { exists, readSafetensors, writeSafetensors } from '../formats/index.js';
import type { StableDiffusion } from '../models/index.js';
import type { Network } from '../nn/index.js';
import { type Tensor, tensor } from '../tensor/index.js';

/** What encodes: a model, or what is left of it. */
export type Encoders = Pick<
  StableDiffusion,
  'vae' | 'textEncoder' | 'tokenizerFiles' | 'encodeMoments' | 'encodePrompts' | 'dispose'
>;

export class Encodings {
  private readonly remembered = new Map<string, Tensor<'float32'>>();
  private readonly fingerprints = new Map<string, string>();
  private encoders: Encoders | undefined;

  constructor(
    encoders: Encoders,
    /** Where encodings outlive the process; shared by all models, since names depend on the encoders' weights. */
    private readonly folder?: string,
  ) {
    this.encoders = encoders;
  }

  /**
   * Mean and log variance of a picture's latents, [1, 2C, h, w], not scaled. Equal keys mean equal pixels; `load` gives
   * them, [3, size, size], where they are needed.
   */
  moments(pixelKey: string, load: () => Promise<Float32Array>): Promise<Tensor<'float32'>> {
    return this.recall('moments', pixelKey, async ({ encodeMoments }) => {
      const pixels = await load();
      const side = Math.sqrt(pixels.length / 3);
      return encodeMoments(tensor([1, 3, side, side], pixels));
    });
  }

  /** A caption's text states, [1, T, D]. */
  textStates(caption: string): Promise<Tensor<'float32'>> {
    return this.recall('text states', caption, ({ encodePrompts }) => encodePrompts([caption]));
  }

  /** Lets go of the encoders; what was encoded stays. */
  async release(): Promise<void> {
    await this.encoders?.dispose();
    this.encoders = undefined;
  }

  private async recall(
    kind: 'moments' | 'text states',
    key: string,
    encode: (encoders: Pick<Encoders, 'encodeMoments' | 'encodePrompts'>) => Promise<Tensor<'float32'>>,
  ): Promise<Tensor<'float32'>> {
    const name = `${kind} ${key}`;
    let found = this.remembered.get(name);
    if (!found) {
      const path = this.folder && join(this.folder, `${this.address(kind, key)}.safetensors`);
      found = path ? await stored(path) : undefined;
      if (!found) {
        found = await encode(this.bound());
        if (path) await writeSafetensors(path, { encoding: found }, { kind });
      }
      this.remembered.set(name, found);
    }
    return found;
  }

  private bound(): Pick<Encoders, 'encodeMoments' | 'encodePrompts'> {
    const { encoders } = this;
    if (!encoders) throw new Error('the encoders were released before everything was encoded');
    return {
      encodeMoments: (pixels) => encoders.encodeMoments(pixels),
      encodePrompts: (texts) => encoders.encodePrompts(texts),
    };
  }

  /** SHA-256 of what an encoding depends on: the encoder's weights and configuration, and the content. */
  private address(kind: 'moments' | 'text states', key: string): string {
    let encoder = this.fingerprints.get(kind);
    if (!encoder) {
      const { vae, textEncoder, tokenizerFiles } = this.encoders!;
      encoder = kind === 'moments' ? digest(vae) : digest(textEncoder, tokenizerFiles.values());
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

/** SHA-256 of a network's configuration and weights. */
function digest(
  { config, parameters }: Pick<Network, 'config' | 'parameters'>,
  further: Iterable<Uint8Array> = [],
): string {
  const hash = createHash('sha256').update(JSON.stringify(config));
  for (const [key, { data }] of parameters) {
    hash.update(key).update(new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
  }
  for (const bytes of further) hash.update(bytes);
  return hash.digest('hex');
}
