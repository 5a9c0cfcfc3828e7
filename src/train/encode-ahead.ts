/** Encoding before the first step, while the UNet does not take memory yet. */
import type { Sample } from './data/sample.js';
import type { Encodings } from './encodings.js';

/** Encodes all pictures; false where it was asked to stop. */
export async function encodeAhead(
  encodings: Encodings,
  samples: readonly Sample[],
  load: (sample: Sample) => Promise<Float32Array>,
  on: {
    /** Whether captions are encoded too. */
    texts: boolean;
    onPicture: (done: number, total: number) => void;
    stopRequested: () => boolean;
  },
): Promise<boolean> {
  for (const [i, sample] of samples.entries()) {
    if (on.stopRequested()) return false;
    await encodings.moments(sample.pixelKey, () => load(sample));
    if (on.texts) await encodings.textStates(sample.caption);
    on.onPicture(i + 1, samples.length);
  }
  return true;
}
