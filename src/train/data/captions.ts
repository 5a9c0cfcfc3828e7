/** Where captions come from: metadata.jsonl, a text file beside the picture, or a kohya folder name. */
import { readFile } from 'node:fs/promises';
import { isAbsolute, relative, resolve, sep } from 'node:path';
import { InputError } from '../../errors.js';
import { fileError } from '../../formats/files.js';

/** One line of a metadata.jsonl. */
export interface MetadataRow {
  /** Absolute path of the picture. */
  readonly path: string;
  readonly caption: string;
  /** "line 3 of /data/metadata.jsonl", for messages. */
  readonly place: string;
}

/** The file's text, without a byte order mark. Throws InputError where it cannot be read or is not UTF-8. */
async function readUtf8(path: string): Promise<string> {
  let bytes: Uint8Array;
  try {
    bytes = await readFile(path);
  } catch (error) {
    throw fileError('read', path, error);
  }
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch (error) {
    throw new InputError(`expected UTF-8 text in ${path}, got other bytes; save it as UTF-8`, {
      cause: error,
    });
  }
}

/**
 * Reads a metadata.jsonl: `file_name` and `text` (Hugging Face) or `image_path` and `caption` (sd-scripts),
 * paths relative to the file's own folder. Throws InputError naming the line that is broken or leads out of `root`.
 */
export async function readMetadata(path: string, folder: string, root: string): Promise<MetadataRow[]> {
  const lines = (await readUtf8(path)).split('\n');
  return lines.flatMap((line, i) => {
    if (line.trim() === '') return [];
    const place = `line ${i + 1} of ${path}`;
    const row = parseLine(line, place);
    const file = field(row, ['file_name', 'image_path'], place);
    const target = resolve(folder, file);
    const inside = relative(root, target);
    if (inside === '..' || inside.startsWith(`..${sep}`) || isAbsolute(inside)) {
      throw new InputError(
        `expected a picture inside ${root} in ${place}, got "${file}", which leads out of it; ` +
          'move the picture into the folder',
      );
    }
    return [{ path: target, caption: field(row, ['text', 'caption'], place).trim(), place }];
  });
}

function parseLine(line: string, place: string): Record<string, unknown> {
  let row: unknown;
  try {
    row = JSON.parse(line);
  } catch (error) {
    const cause = (error as Error).message;
    throw new InputError(`expected a JSON object in ${place}, but ${cause}; correct or remove the line`, {
      cause: error,
    });
  }
  if (typeof row !== 'object' || row === null || Array.isArray(row)) {
    throw new InputError(
      `expected a JSON object in ${place}, got ${line.trim()}; correct or remove the line`,
    );
  }
  return row as Record<string, unknown>;
}

function field(row: Record<string, unknown>, names: readonly string[], place: string): string {
  const value = names.map((name) => row[name]).find((candidate) => candidate !== undefined);
  if (typeof value === 'string') return value;
  const got =
    value === undefined ? `the keys ${Object.keys(row).join(', ') || '(none)'}` : JSON.stringify(value);
  throw new InputError(`expected a string under "${names.join('" or "')}" in ${place}, got ${got}; add it`);
}

/** The lines of a caption file that hold anything. Like sd-scripts, the loader uses the first. */
export async function readCaptionFile(path: string): Promise<string[]> {
  const lines = (await readUtf8(path)).split('\n');
  return lines.map((line) => line.trim()).filter((line) => line !== '');
}

/** What kohya's folder names say: "10_sks dog" is shown ten times an epoch, "sks dog" is the caption of last resort. */
export function parseKohyaFolder(name: string): { repeats: number; caption: string } | undefined {
  const match = /^([1-9]\d*)_(.*)$/.exec(name);
  return match ? { repeats: Number(match[1]), caption: match[2]!.trim() } : undefined;
}
