/** What a comparison drew, on a sheet for each picture set: a row for each line of the table, a column for each prompt. */
import { join } from 'node:path';
import { type Image, readImage, writePng } from '../../formats/index.js';
import { picturesOf } from '../captioned-pictures.js';
import { labelledSheet } from '../labelled-sheet.js';
import type { CellResult } from './cell.js';
import { lineName } from './grid.js';

/** Prompts that are shown. */
const COLUMNS = 8;

/** Writes <name>-<set>.png of the first seed, without cells whose training diverged. Their paths. */
export async function writeSheets(
  cells: readonly CellResult[],
  { name, out }: { name: string; out: string },
): Promise<string[]> {
  const seed = cells[0]?.seed;
  const shown = cells.filter((cell) => cell.seed === seed && cell.measurements.length > 0);
  const paths: string[] = [];
  for (const set of new Set(shown.map(({ place }) => place.set))) {
    const path = join(out, `${name}-${set}.png`);
    await writePng(
      path,
      await sheetOf(
        shown.filter(({ place }) => place.set === set),
        out,
      ),
    );
    paths.push(path);
  }
  return paths;
}

/** Each row is named below its first picture. */
async function sheetOf(rows: readonly CellResult[], out: string): Promise<Image> {
  const images: Image[] = [];
  const labels: string[] = [];
  for (const { place, pictures } of rows) {
    const drawn = await picturesOf(join(out, 'pictures', pictures));
    for (const [i, { path }] of drawn.slice(0, COLUMNS).entries()) {
      images.push(await readImage(path));
      labels.push(i === 0 ? lineName(place) : '');
    }
  }
  return labelledSheet(images, labels, images.length / rows.length);
}
