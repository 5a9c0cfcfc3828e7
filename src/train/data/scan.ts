/** Finds the pictures of a folder and pairs them with captions, without opening them. */
import type { Stats } from 'node:fs';
import { readdir, realpath, stat } from 'node:fs/promises';
import { basename, dirname, extname, join, relative, sep } from 'node:path';
import { InputError } from '../../errors.js';
import { fileError } from '../../formats/files.js';
import { type MetadataRow, parseKohyaFolder, readCaptionFile, readMetadata } from './captions.js';

/** Also kinds that cannot be read: such a picture is reported as broken and never passed over in silence. */
const PICTURES = new Set('.png .jpg .jpeg .webp .gif .tif .tiff .avif .bmp .heic .heif .jxl .jp2'.split(' '));
const METADATA = 'metadata.jsonl';

/** A picture and its caption. */
export interface Pair {
  /** Absolute path. */
  readonly path: string;
  readonly caption: string;
  /** How often an epoch shows it. */
  readonly repeats: number;
  /** The line that names it, if one does. */
  readonly place?: string;
}

export interface Scan {
  readonly pairs: readonly Pair[];
  /** Pictures without a caption, relative to the folder. */
  readonly withoutCaption: readonly string[];
  /** Caption files with more lines than the one that is used, relative to the folder. */
  readonly longCaptions: readonly string[];
}

/**
 * Scans `root` (absolute) and the folders in it. A line of a metadata.jsonl goes before a .txt or .caption beside the
 * picture, and both before a kohya folder name; where captions are not needed, pictures without one have an empty one.
 * Throws InputError for a missing folder, no pictures or no captions.
 */
export async function scanFolder(root: string, { captioned = true } = {}): Promise<Scan> {
  const files = await listFiles(root);
  const rows: MetadataRow[] = [];
  for (const file of files.filter((path) => basename(path) === METADATA)) {
    rows.push(...(await readMetadata(file, dirname(file), root)));
  }
  const named = new Set(rows.map((row) => row.path));
  const pictures = files.filter(isPicture);
  if (pictures.length === 0 && rows.length === 0) {
    throw new InputError(
      `expected pictures (such as .png or .jpg) in ${root}, found none among ${files.length} files; ` +
        'name the folder that holds them',
    );
  }

  const present = new Set(files);
  const longCaptions: string[] = [];
  const beside = async (picture: string): Promise<string | undefined> => {
    const stem = picture.slice(0, -extname(picture).length);
    for (const file of [`${stem}.txt`, `${stem}.caption`].filter((path) => present.has(path))) {
      const lines = await readCaptionFile(file);
      if (lines.length > 1) longCaptions.push(relative(root, file));
      if (lines.length > 0) return lines[0];
    }
    return undefined;
  };

  const candidates: (Omit<Pair, 'caption' | 'repeats'> & { caption: string | undefined })[] = [...rows];
  for (const path of pictures.filter((picture) => !named.has(picture))) {
    candidates.push({ path, caption: await beside(path) });
  }
  const pairs: Pair[] = [];
  const withoutCaption: string[] = [];
  for (const candidate of candidates) {
    const kohya = kohyaFolderOf(root, candidate.path);
    const caption = candidate.caption || kohya?.caption;
    if (caption || !captioned)
      pairs.push({ ...candidate, caption: caption ?? '', repeats: kohya?.repeats ?? 1 });
    else withoutCaption.push(relative(root, candidate.path));
  }
  if (pairs.length === 0) throw noCaptions(root, files, withoutCaption.length);
  pairs.sort((a, b) => compare(a.path, b.path));
  return { pairs, withoutCaption: withoutCaption.sort(compare), longCaptions };
}

/** The pictures in `root` (absolute) and the folders in it. Throws InputError where the folder cannot be read. */
export async function picturesIn(root: string): Promise<string[]> {
  return (await listFiles(root)).filter(isPicture);
}

const isPicture = (path: string): boolean => PICTURES.has(extname(path).toLowerCase());

/** By code units, so that the order is the same under every locale. */
function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

/** kohya's rule is for the folders directly in the data folder. */
function kohyaFolderOf(root: string, path: string): ReturnType<typeof parseKohyaFolder> {
  const parts = relative(root, path).split(sep);
  return parts.length > 1 ? parseKohyaFolder(parts[0]!) : undefined;
}

function noCaptions(root: string, files: readonly string[], pictures: number): InputError {
  const misnamed = files
    .map((path) => basename(path))
    .find((name) => /^metadata.*\.(json.*|csv)$/.test(name));
  const hint =
    misnamed && misnamed !== METADATA
      ? `rename or convert ${misnamed} to ${METADATA}`
      : `write a ${METADATA} with lines such as {"file_name": "a.png", "text": "a red apple"}, ` +
        'or a .txt or .caption file beside each picture';
  return new InputError(`expected captions in ${root}, found none for ${pictures} pictures; ${hint}`);
}

/** Every file below `root`, sorted, links followed once, hidden files left out. */
async function listFiles(root: string): Promise<string[]> {
  const files: string[] = [];
  const seen = new Set<string>();
  const walk = async (folder: string): Promise<void> => {
    const real = await realpath(folder);
    if (seen.has(real)) return;
    seen.add(real);
    for (const item of await readdir(folder, { withFileTypes: true })) {
      if (item.name.startsWith('.')) continue;
      const path = join(folder, item.name);
      const kind = item.isSymbolicLink() ? await targetOf(path) : item;
      if (kind?.isDirectory()) await walk(path).catch(refused(path));
      else if (kind === undefined || kind.isFile()) files.push(path);
    }
  };
  await walk(root).catch(refused(root));
  return files.sort(compare);
}

function refused(folder: string): (error: unknown) => never {
  return (error) => {
    throw fileError('read', folder, error);
  };
}

/** What a link leads to; nothing if it is dangling, which is told when its picture is read. */
async function targetOf(link: string): Promise<Stats | undefined> {
  return stat(link).catch(() => undefined);
}
