/** Many pictures on one sheet, with labels. */
import type { Image } from './images.js';
import { drawText, GLYPH_HEIGHT, GLYPH_WIDTH, wrapText } from './pixel-font.js';

export interface ContactSheetOptions {
  /** Pictures in a row; as square a sheet as possible unless given. */
  readonly columns?: number;
  /** A line of text below each picture, wrapped to its width. */
  readonly labels?: readonly string[];
  /** Whole number by which the pictures are enlarged, each pixel becoming a block; 1 unless given. */
  readonly scale?: number;
}

const GAP = 4;
const LINE = GLYPH_HEIGHT + 2;
const LABEL_GREY = 60;

/** The pictures in rows on white, each in a cell as large as the largest picture. Throws RangeError without pictures. */
export function contactSheet(images: readonly Image[], options: ContactSheetOptions = {}): Image {
  if (images.length === 0) throw new RangeError('a contact sheet needs at least one picture');
  const { columns = Math.ceil(Math.sqrt(images.length)), labels = [], scale = 1 } = options;
  const cellWidth = scale * Math.max(...images.map((image) => image.width));
  const cellHeight = scale * Math.max(...images.map((image) => image.height));
  const characters = Math.max(1, Math.floor((cellWidth + 1) / (GLYPH_WIDTH + 1)));
  const lines = labels.map((label) => wrapText(label, characters));
  const labelHeight = LINE * Math.max(0, ...lines.map((wrapped) => wrapped.length));
  const rows = Math.ceil(images.length / columns);
  const width = GAP + columns * (cellWidth + GAP);
  const height = GAP + rows * (cellHeight + labelHeight + GAP);
  const data = new Uint8Array(3 * width * height).fill(255);

  images.forEach((image, i) => {
    const left = GAP + (i % columns) * (cellWidth + GAP);
    const top = GAP + Math.floor(i / columns) * (cellHeight + labelHeight + GAP);
    for (let y = 0; y < image.height * scale; y++) {
      for (let x = 0; x < image.width * scale; x++) {
        const from = 3 * (Math.floor(y / scale) * image.width + Math.floor(x / scale));
        data.set(image.data.subarray(from, from + 3), 3 * ((top + y) * width + left + x));
      }
    }
    lines[i]?.forEach((line, row) => {
      const base = top + cellHeight + 2 + row * LINE;
      drawText(line, (x, y) => {
        const to = 3 * ((base + y) * width + left + x);
        data.fill(LABEL_GREY, to, to + 3);
      });
    });
  });
  return { width, height, data };
}
