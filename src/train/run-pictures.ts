/** The pictures that a run shows: those of its folder and, with prior preservation, those of the subject's class. */
import { InputError } from '../errors.js';
import {
  checkWeights,
  type ModelFiles,
  modelConfigs,
  pictureSides,
  unetParameterShapes,
  vaeScaleFactor,
} from '../models/index.js';
import type { TrainConfig } from './config.js';
import type { Course } from './course.js';
import { ImageFolder } from './data/image-folder.js';
import { withPrior } from './data/prior.js';
import type { Sample } from './data/sample.js';
import { dataDigest } from './digest.js';
import { keyFilter } from './key-filter.js';
import { captionsOf, expectOneTextEncoder, expectTokenIn, learnsToken } from './learned-token.js';

export class RunPictures {
  /** SHA-256 of all pictures and captions. */
  readonly digest: string;

  constructor(
    private readonly data: ImageFolder,
    private readonly ofClass: ImageFolder | undefined,
    private readonly config: TrainConfig,
    private readonly course: Course,
  ) {
    this.digest = dataDigest(data, ofClass);
  }

  /** Shape [3, size, size], values in [−1, 1]. */
  readonly load = (sample: Sample): Promise<Float32Array> => this.data.load(sample);

  /** What a step of the run shows. */
  samplesAt(ofRun: number): Sample[] {
    const { seed, priorWeight } = this.config;
    const { step, images } = this.course.at(ofRun);
    const samples = this.data.samplesAt(step, images, seed);
    return this.ofClass
      ? withPrior(samples, this.ofClass.samplesAt(step, images, seed), priorWeight)
      : samples;
  }

  /** The different pictures from one step up to another, with each of their captions where `texts` counts. */
  distinct([from, to]: readonly [number, number], { texts }: { texts: boolean }): Sample[] {
    const found = new Map<string, Sample>();
    for (let step = from; step < to; step++) {
      for (const sample of this.samplesAt(step))
        found.set(texts ? `${sample.pixelKey} ${sample.caption}` : sample.pixelKey, sample);
    }
    return [...found.values()];
  }
}

/**
 * The run's folder, in the size it trains in. Throws InputError where it is broken, and for what can be told of the model
 * without its weights.
 */
export async function openData(
  config: TrainConfig,
  model: ModelFiles,
): Promise<{ size: number; data: ImageFolder }> {
  const configs = modelConfigs(model);
  if (learnsToken(config)) expectOneTextEncoder(config, configs);
  const { json, weights } = model.networks.get('unet')!;
  checkWeights('unet', json, weights);
  keyFilter(config.trainOnly, unetParameterShapes(configs.unet).keys());
  const size = config.size ?? pictureSides(configs)[0];
  const factor = vaeScaleFactor(configs.vae);
  if (size % factor !== 0) {
    throw new InputError(`size: expected a multiple of ${factor} pixels, got ${size}; change --size`);
  }
  const data = await ImageFolder.open(config.data, { ...config, captions: captionsOf(config), size });
  if (learnsToken(config)) expectTokenIn(data, config);
  return { size, data };
}
