/** The sheet of pictures before and after: a block for each kind of prompt, a column for each prompt. */
import type { Image } from '../formats/index.js';
import { drawText, GLYPH_HEIGHT, GLYPH_WIDTH, wrapText } from '../formats/pixel-font.js';
import type { Block, Comparison } from './report.js';

/** Small pictures are enlarged to about this width, by a whole number. */
const PICTURE_WIDTH = 128;
const TEXT_SCALE = 2;
const CHARACTER = TEXT_SCALE * (GLYPH_WIDTH + 1);
const LINE = TEXT_SCALE * (GLYPH_HEIGHT + 2);
const MARGIN = 16;
const GAP = 6;
/** Wide enough for "before". */
const ROW_LABEL = 7 * CHARACTER;
const TITLE_GREY = 0;
const LABEL_GREY = 80;

export const ROWS = [
  { name: 'before', picture: (comparison: Comparison) => comparison.before },
  { name: 'after', picture: (comparison: Comparison) => comparison.after },
  { name: 'true', picture: (comparison: Comparison) => comparison.truth },
] as const;

/** Rows of a block: that of true pictures only where there are any. */
export const rowsOf = ({ comparisons }: Block) =>
  ROWS.filter(({ picture }) => comparisons.some((comparison) => picture(comparison)));

/** The whole number that enlarges pictures of this width to about PICTURE_WIDTH. */
export const enlargement = (width: number): number => Math.max(1, Math.round(PICTURE_WIDTH / width));

/** Draws the blocks below each other on white. Throws RangeError without pictures. */
export function beforeAfterSheet(blocks: readonly Block[]): Image {
  const pictures = blocks.flatMap((block) =>
    block.comparisons.flatMap(({ before, after, truth }) => [before, after, ...(truth ? [truth] : [])]),
  );
  if (pictures.length === 0) throw new RangeError('a sheet needs at least one picture');
  const cell = Math.max(...pictures.map(({ width }) => width * enlargement(width)));
  const columns = Math.max(...blocks.map(({ comparisons }) => comparisons.length));
  const width = 2 * MARGIN + ROW_LABEL + columns * (cell + GAP);
  const plans = blocks.map((block) => planBlock(block, cell, width));
  const height = MARGIN + plans.reduce((sum, plan) => sum + plan.height + MARGIN, 0);
  const canvas = new Canvas(width, height);
  let top = MARGIN;
  for (const plan of plans) {
    drawBlock(canvas, plan, top, cell);
    top += plan.height + MARGIN;
  }
  return canvas;
}

interface BlockPlan {
  readonly block: Block;
  readonly heading: readonly string[];
  readonly labels: readonly string[][];
  /** Pixels from the block's top to its first row of pictures. */
  readonly picturesTop: number;
  readonly height: number;
}

function planBlock(block: Block, cell: number, width: number): BlockPlan {
  const heading = wrapText(`${block.title}. ${block.note}`, Math.floor((width - 2 * MARGIN) / CHARACTER));
  const labels = block.comparisons.map(({ label }) => wrapText(label, Math.floor(cell / CHARACTER)));
  const labelLines = Math.max(0, ...labels.map((lines) => lines.length));
  const picturesTop = heading.length * LINE + GAP + labelLines * LINE;
  const height = picturesTop + rowsOf(block).length * (cell + GAP);
  return { block, heading, labels, picturesTop, height };
}

function drawBlock(canvas: Canvas, plan: BlockPlan, top: number, cell: number): void {
  const { block, heading, labels, picturesTop } = plan;
  const left = (column: number) => MARGIN + ROW_LABEL + column * (cell + GAP);
  canvas.lines(heading, MARGIN, top, TITLE_GREY);
  labels.forEach((lines, column) => {
    canvas.lines(lines, left(column), top + picturesTop - lines.length * LINE, LABEL_GREY);
  });
  rowsOf(block).forEach(({ name, picture }, row) => {
    const y = top + picturesTop + row * (cell + GAP);
    canvas.lines([name], MARGIN, y + Math.floor((cell - LINE) / 2), LABEL_GREY);
    block.comparisons.forEach((comparison, column) => {
      const image = picture(comparison);
      if (image) canvas.picture(image, left(column), y);
    });
  });
}

class Canvas implements Image {
  readonly data: Uint8Array;

  constructor(
    readonly width: number,
    readonly height: number,
  ) {
    this.data = new Uint8Array(3 * width * height).fill(255);
  }

  lines(lines: readonly string[], left: number, top: number, grey: number): void {
    lines.forEach((line, i) => {
      drawText(line, (x, y) => {
        for (let dy = 0; dy < TEXT_SCALE; dy++) {
          const row = top + i * LINE + TEXT_SCALE * y + dy;
          const start = 3 * (row * this.width + left + TEXT_SCALE * x);
          this.data.fill(grey, start, start + 3 * TEXT_SCALE);
        }
      });
    });
  }

  picture({ width, height, data }: Image, left: number, top: number): void {
    const scale = enlargement(width);
    for (let y = 0; y < height * scale; y++) {
      for (let x = 0; x < width * scale; x++) {
        const from = 3 * (Math.floor(y / scale) * width + Math.floor(x / scale));
        this.data.set(data.subarray(from, from + 3), 3 * ((top + y) * this.width + left + x));
      }
    }
  }
}
