/** Pictures as steps see them. */
import type { CropGeometry, CropPosition } from '../../formats/images.js';
import type { PictureSizes } from '../../models/index.js';
import type { Entry } from './entry.js';

/** A picture as one step sees it. */
export interface Sample {
  readonly entry: Entry;
  /** With prefix and suffix, or empty where it was dropped. */
  readonly caption: string;
  readonly position: CropPosition;
  readonly crop: CropGeometry;
  readonly flip: boolean;
  /** Equal for equal pixels: made of content, size, crop and flip. Latent caches add what identifies the autoencoder. */
  readonly pixelKey: string;
  /** The factor on its loss in the mean over a batch; 1 unless given. */
  readonly weight?: number;
}

/** How a sample came to its size, for Stable Diffusion XL; a mirrored cut is one of the mirrored picture. */
export function pictureSizesOf(
  { entry, crop, flip }: Pick<Sample, 'entry' | 'crop' | 'flip'>,
  target: readonly [height: number, width: number],
): PictureSizes {
  const left = flip ? crop.resizedWidth - target[1] - crop.left : crop.left;
  return { original: [entry.height, entry.width], crop: [crop.top, left], target };
}
