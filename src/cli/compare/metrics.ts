/** What is measured of every cell of a comparison, by name. */
import { resolve } from 'node:path';
import { InputError } from '../../errors.js';
import { inceptionSpace, type Picture, setDistances } from '../../metrics/index.js';
import type { StableDiffusion } from '../../models/index.js';
import { denoisingLosses } from '../../report/index.js';
import { ImageFolder, scanFolder, type TrainConfig } from '../../train/index.js';
import type { PictureSet } from './experiment.js';

/** A trained model and what it drew. */
export interface CellOutcome {
  readonly sd: StableDiffusion;
  readonly set: PictureSet;
  readonly config: TrainConfig;
  /** What it drew, with the captions as prompts. */
  readonly drawn: readonly Picture[];
  /** Weights of FID's Inception, where given. */
  readonly inception: string | undefined;
}

export interface CellMetric {
  readonly better: 'lower' | 'higher';
  measure(outcome: CellOutcome): Promise<number>;
}

const heldOutLoss: CellMetric = {
  better: 'lower',
  async measure({ sd, set, config }) {
    const { prefix, suffix } = set;
    const size = config.size ?? sd.pictureSides[0];
    const folder = await ImageFolder.open(set['held-out'], { size, prefix, suffix });
    const losses = await denoisingLosses(sd, folder, folder.plainSamples());
    return losses.reduce((sum, loss) => sum + loss, 0) / losses.length;
  },
};

const fid: CellMetric = {
  better: 'lower',
  async measure({ set, drawn, inception }) {
    if (inception === undefined) {
      throw new InputError('the metric "FID" needs the weights of Inception; add --inception <file>');
    }
    const { pairs } = await scanFolder(resolve(set.data), { captioned: false });
    const space = await inceptionSpace(inception, 'none');
    const metric = setDistances(space, { names: { frechet: 'FID', kernel: 'KID' } });
    try {
      const [distance] = await metric.measure({ real: pairs, generated: drawn }, () => {});
      return distance!.value;
    } finally {
      await metric.dispose();
    }
  },
};

export const CELL_METRICS = { 'held-out loss': heldOutLoss, FID: fid } as const satisfies Record<
  string,
  CellMetric
>;
export type CellMetricName = keyof typeof CELL_METRICS;
