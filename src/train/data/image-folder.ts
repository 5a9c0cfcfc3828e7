/** A folder of captioned pictures as training data: what was found, and the batch of any step. */
import { resolve } from 'node:path';
import { InputError } from '../../errors.js';
import { type CropPosition, cropGeometry, readImage, resizeCrop, toUnit } from '../../formats/images.js';
import { Random } from '../../tensor/random.js';
import { type Tensor, tensor } from '../../tensor/tensor.js';
import { commonSize, type Entry, openEntry } from './entry.js';
import { mapLimited } from './map-limited.js';
import type { Sample } from './sample.js';
import { type Scan, scanFolder } from './scan.js';

export interface ImageFolderOptions {
  /** Captions in place of the folder's own, which are not needed then: each sample takes one of them at random. */
  readonly captions?: readonly string[] | undefined;
  /** Put before every caption, such as "fluent style, ". */
  readonly prefix?: string;
  /** Put after every caption, such as ", noto style". */
  readonly suffix?: string;
  /** Pixels a side of the training pictures; may be left out where all pictures are squares of one size. */
  readonly size?: number;
  /** Where the square is cut from pictures that are not square; 'centre' unless given. */
  readonly crop?: 'centre' | 'random';
  /** Mirrors every other picture at random. */
  readonly flip?: boolean;
  /** Leaves pictures out that cannot be read, and reports them, instead of refusing the folder. */
  readonly skipBroken?: boolean;
  /** The part of captions that becomes empty, for classifier-free guidance; 0 unless given. */
  readonly captionDropout?: number;
}

export interface Batch {
  readonly step: number;
  readonly samples: readonly Sample[];
  readonly captions: readonly string[];
  /** Shape [samples, 3, size, size], values in [−1, 1]. */
  readonly pixels: Tensor<'float32'>;
}

export interface FolderReport {
  /** Pictures with a caption, all of which are used. */
  readonly used: number;
  /** Pictures an epoch shows: more than `used` with kohya's repeats. */
  readonly samplesPerEpoch: number;
  /** Pictures left out for want of a caption, relative to the folder. */
  readonly withoutCaption: readonly string[];
  /** Why each picture was left out that cannot be read. */
  readonly broken: readonly string[];
  /** Caption files of which only the first line is used, relative to the folder. */
  readonly longCaptions: readonly string[];
}

const OPEN_AT_ONCE = 8;

export class ImageFolder {
  private readonly captions: readonly string[] | undefined;
  private readonly prefix: string;
  private readonly suffix: string;
  private readonly crop: 'centre' | 'random';
  private readonly flip: boolean;
  private readonly captionDropout: number;
  /** Indices into `entries`, each as often as it is repeated. */
  private readonly shown: readonly number[];
  private readonly orders = new Map<string, Int32Array>();

  private constructor(
    /** Absolute path. */
    readonly folder: string,
    readonly entries: readonly Entry[],
    /** Pixels a side. */
    readonly size: number,
    readonly report: FolderReport,
    options: ImageFolderOptions,
  ) {
    this.captions = options.captions;
    this.prefix = options.prefix ?? '';
    this.suffix = options.suffix ?? '';
    this.crop = options.crop ?? 'centre';
    this.flip = options.flip ?? false;
    this.captionDropout = options.captionDropout ?? 0;
    this.shown = entries.flatMap((entry, i) => Array<number>(entry.repeats).fill(i));
  }

  /**
   * Opens a folder: finds pictures and captions, reads every picture once. Throws InputError where there is no folder,
   * no picture, no caption (unless `captions` are given), a broken line of metadata.jsonl, or a broken picture (unless `skipBroken`).
   */
  static async open(folder: string, options: ImageFolderOptions = {}): Promise<ImageFolder> {
    checkOptions(options);
    const root = resolve(folder);
    const scan = await scanFolder(root, { captioned: !options.captions });
    const opened = await mapLimited(scan.pairs, OPEN_AT_ONCE, (pair) => openEntry(pair));
    const entries = opened.filter((result): result is Entry => !(result instanceof InputError));
    const broken = opened.filter((result) => result instanceof InputError);
    if (broken.length > 0 && !options.skipBroken) {
      const more = broken.length > 1 ? `; ${broken.length - 1} more pictures of ${root} are broken` : '';
      throw new InputError(`${broken[0]!.message}, or ask to skip broken pictures${more}`, {
        cause: broken[0],
      });
    }
    if (entries.length === 0) {
      throw new InputError(
        `expected a picture that can be read in ${root}, but all are broken: ${broken[0]!.message}`,
      );
    }
    const size = options.size ?? commonSize(root, entries);
    return new ImageFolder(root, entries, size, reportOf(scan, entries, broken), options);
  }

  /** Samples an epoch shows. */
  get samplesPerEpoch(): number {
    return this.report.samplesPerEpoch;
  }

  /** One line for people: how many pictures, and what was left out. */
  describe(): string {
    const { used, samplesPerEpoch, withoutCaption, broken, longCaptions } = this.report;
    const parts = [`${used} pictures ${this.captions ? '' : 'with captions '}in ${this.folder}`];
    if (samplesPerEpoch !== used) parts.push(`${samplesPerEpoch} an epoch with repeats`);
    if (withoutCaption.length) parts.push(`left out without a caption: ${shorten(withoutCaption)}`);
    if (broken.length) parts.push(`left out as broken: ${shorten(broken)}`);
    if (longCaptions.length) parts.push(`only the first line is used of ${shorten(longCaptions)}`);
    return parts.join('; ');
  }

  /** An entry's caption with prefix and suffix; the first of the captions that were given, if any were. */
  captionOf(entry: Entry): string {
    return this.prefix + (this.captions?.[0] ?? entry.caption) + this.suffix;
  }

  /** Every picture once, in the folder's order, cut at the centre, not mirrored, with its caption: for evaluation and caches. */
  plainSamples(): Sample[] {
    return this.entries.map((entry) => this.sample(entry, 'centre', false, this.captionOf(entry)));
  }

  /** The samples of the step's batch, without reading pictures. They depend on the arguments alone. */
  samplesAt(step: number, batchSize: number, seed = 0): Sample[] {
    if (!(Number.isInteger(batchSize) && batchSize > 0)) {
      throw new InputError(`expected a batch size of at least 1, got ${batchSize}; give a whole number`);
    }
    return Array.from({ length: batchSize }, (_, i) => {
      const position = step * batchSize + i;
      const order = this.order(seed, Math.floor(position / this.shown.length));
      const entry = this.entries[this.shown[order[position % this.shown.length]!]!]!;
      const [flip, x, y, drop] = new Random(seed, 'data/augment', step, i).uniform(4);
      return this.sample(
        entry,
        this.crop === 'random' ? [x!, y!] : 'centre',
        this.flip && flip! < 0.5,
        drop! < this.captionDropout ? '' : this.captionAt(entry, step, i, seed),
      );
    });
  }

  /** A sample's pixels: shape [3, size, size], values in [−1, 1]. */
  async load(sample: Sample): Promise<Float32Array> {
    const image = await readImage(sample.entry.path);
    return toUnit(await resizeCrop(image, this.size, { crop: sample.position, flip: sample.flip }));
  }

  /** The batch of a step, with its pixels. */
  async batchAt(step: number, batchSize: number, seed = 0): Promise<Batch> {
    const samples = this.samplesAt(step, batchSize, seed);
    const pictures = await Promise.all(samples.map((sample) => this.load(sample)));
    const each = 3 * this.size * this.size;
    const pixels = new Float32Array(samples.length * each);
    pictures.forEach((picture, i) => {
      pixels.set(picture, i * each);
    });
    return {
      step,
      samples,
      captions: samples.map((sample) => sample.caption),
      pixels: tensor([samples.length, 3, this.size, this.size], pixels),
    };
  }

  /**
   * Batches in a random order that `seed` fixes, each picture once an epoch. All batches are full: where an epoch does
   * not divide, a batch goes on into the next epoch. One pass unless `epochs` is given; `Infinity` never ends.
   * `from` starts at a later step.
   */
  async *batches(
    batchSize: number,
    { seed = 0, epochs = 1, from = 0 }: { seed?: number; epochs?: number; from?: number } = {},
  ): AsyncGenerator<Batch> {
    const steps = Math.ceil((epochs * this.samplesPerEpoch) / batchSize);
    for (let step = from; step < steps; step++) yield await this.batchAt(step, batchSize, seed);
  }

  /** The caption with which a step shows an entry at place `i`. */
  private captionAt(entry: Entry, step: number, i: number, seed: number): string {
    const { captions, prefix, suffix } = this;
    if (!captions) return this.captionOf(entry);
    return prefix + captions[new Random(seed, 'data/caption', step, i).integer(0, captions.length)] + suffix;
  }

  private sample(entry: Entry, position: CropPosition, flip: boolean, caption: string): Sample {
    const crop = cropGeometry(entry.width, entry.height, this.size, position);
    const pixelKey = `${entry.contentHash}-${this.size}-${crop.left},${crop.top}${flip ? '-flipped' : ''}`;
    return { entry, caption, position, crop, flip, pixelKey };
  }

  /** The order of an epoch. The last two are kept, since a batch may span two epochs. */
  private order(seed: number, epoch: number): Int32Array {
    const key = `${seed}/${epoch}`;
    let order = this.orders.get(key);
    if (order === undefined) {
      order = new Random(seed, 'data/order', epoch).permutation(this.shown.length);
      if (this.orders.size === 2) this.orders.delete(this.orders.keys().next().value!);
      this.orders.set(key, order);
    }
    return order;
  }
}

function checkOptions({ size, captionDropout = 0 }: ImageFolderOptions): void {
  if (size !== undefined && !(Number.isInteger(size) && size > 0)) {
    throw new InputError(`expected a picture size in pixels, got ${size}; give a whole number such as 512`);
  }
  if (!(captionDropout >= 0 && captionDropout <= 1)) {
    throw new InputError(
      `expected a caption dropout between 0 and 1, got ${captionDropout}; give one such as 0.1`,
    );
  }
}

function reportOf(scan: Scan, entries: readonly Entry[], broken: readonly InputError[]): FolderReport {
  return {
    used: entries.length,
    samplesPerEpoch: entries.reduce((sum, entry) => sum + entry.repeats, 0),
    withoutCaption: scan.withoutCaption,
    broken: broken.map((error) => error.message),
    longCaptions: scan.longCaptions,
  };
}

function shorten(names: readonly string[]): string {
  const few = names.slice(0, 3).join(', ');
  return names.length > 3 ? `${few} and ${names.length - 3} more` : few;
}
