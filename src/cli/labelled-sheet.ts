/** Sheets whose pictures are large enough for the labels below them. */
import { contactSheet, type Image } from '../formats/index.js';

/** Pixels that a picture is shown with at least, so that its label has room. */
const LEAST_SHOWN = 128;

/** A label below each picture; as square a sheet as possible unless `columns` are given. */
export function labelledSheet(
  images: readonly Image[],
  labels: readonly string[],
  columns: number | undefined,
): Image {
  const scale = Math.max(1, Math.ceil(LEAST_SHOWN / images[0]!.width));
  return contactSheet(images, { labels, scale, columns });
}
