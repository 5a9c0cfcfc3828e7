/** What a metric of generated pictures is to the rest of the program. */
import type { MeasureName } from './measures.js';

/** A picture to be measured. */
export interface Picture {
  readonly path: string;
  /** What it is to show; empty where nothing is said. */
  readonly caption: string;
}

export interface PictureSets {
  readonly real: readonly Picture[];
  readonly generated: readonly Picture[];
}

/** One number that a metric gives. */
export interface Measurement {
  readonly name: MeasureName;
  /** The folder name of the model that gave it, where the name alone would be taken for a number of the standard model. */
  readonly model?: string;
  readonly value: number;
  readonly better: 'lower' | 'higher';
  /** What the number depends on, such as counts of pictures. */
  readonly details: Readonly<Record<string, number | string>>;
}

export interface Metric {
  /** Pictures that it has to look at: `onPicture` is called for each. */
  pictures(sets: PictureSets): number;
  /** What the sets allow (see `lacking`). Throws InputError where that is nothing. `onPicture` may throw to stop. */
  measure(sets: PictureSets, onPicture: () => void): Promise<Measurement[]>;
  /** Frees what is compiled. */
  dispose(): Promise<void>;
}
