/** What a comparison drew, on a sheet for each picture set: a row for each line of the table, a column for each prompt. */
import { join, resolve } from 'node:path';
import { contactSheet, type Image, readImage, writePng } from '../../formats/index.js';
import { scanFolder } from '../../train/index.js';
import type { CellResult } from './cell.js';
import { lineName } from './grid.js';

/** Prompts that are shown. */
const COLUMNS = 8;
/** Pixels that a picture is shown with at least, so that its label has room. */
const LEAST_SHOWN = 128;

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
    const { pairs } = await scanFolder(resolve(out, 'pictures', pictures), { captioned: false });
    for (const [i, { path }] of pairs.slice(0, COLUMNS).entries()) {
      images.push(await readImage(path));
      labels.push(i === 0 ? lineName(place) : '');
    }
  }
  const scale = Math.max(1, Math.ceil(LEAST_SHOWN / images[0]!.width));
  return contactSheet(images, { columns: images.length / rows.length, labels, scale });
}
