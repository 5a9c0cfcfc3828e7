/** Captioning a folder: what `sara caption` does in its worker thread. */
import { readFile } from 'node:fs/promises';
import { join, relative, resolve } from 'node:path';
import { InputError } from '../errors.js';
import { exists, readImage, writeFileAtomic } from '../formats/index.js';
import { Captioner } from '../metrics/index.js';
import type { Device } from '../runtime/index.js';
import { scanFolder } from '../train/data/scan.js';

export interface CaptionSettings {
  folder: string;
  model: string;
  /** What every caption begins with. */
  prompt: string;
  /** Tokens of a caption, at most. */
  newTokens: number;
  device: Device;
  threads: number | undefined;
}

export interface CaptionResult {
  status: 'finished' | 'stopped';
  /** The metadata.jsonl that got the captions. */
  file: string;
  captions: { file_name: string; text: string }[];
  /** Pictures that cannot be read: sentences. */
  broken: string[];
}

/**
 * Adds a line to the folder's metadata.jsonl for each picture without a caption, as soon as it has one: a run that was
 * stopped goes on where it was. Captions that are there, wherever they come from, are not touched.
 */
export async function captionTask(
  settings: CaptionSettings,
  onEvent: (event: { done: number; total: number }) => void,
  stopRequested: () => boolean,
): Promise<CaptionResult> {
  const folder = resolve(settings.folder);
  const file = join(folder, 'metadata.jsonl');
  const pictures = await uncaptioned(folder);
  const result: CaptionResult = { status: 'finished', file, captions: [], broken: [] };
  if (pictures.length === 0) return result;
  const { prompt, newTokens, ...runtime } = settings;
  const captioner = await Captioner.load(settings.model, runtime);
  let text = (await exists(file)) ? await readFile(file, 'utf8') : '';
  if (text !== '' && !text.endsWith('\n')) text += '\n';
  try {
    for (const [i, path] of pictures.entries()) {
      if (stopRequested()) return { ...result, status: 'stopped' };
      try {
        const caption = await captioner.caption(await readImage(path), { prompt, newTokens });
        const row = { file_name: relative(folder, path), text: caption };
        text += `${JSON.stringify(row)}\n`;
        await writeFileAtomic(file, text);
        result.captions.push(row);
      } catch (error) {
        if (!(error instanceof InputError) || !error.message.includes(path)) throw error;
        result.broken.push(error.message);
      }
      onEvent({ done: i + 1, total: pictures.length });
    }
    return result;
  } finally {
    await captioner.dispose();
  }
}

/** Absolute paths of the pictures that have no caption. Throws InputError where the folder has no pictures. */
async function uncaptioned(folder: string): Promise<string[]> {
  const { pairs } = await scanFolder(folder, { captioned: false });
  const captioned = new Set(pairs.filter(({ caption }) => caption !== '').map(({ path }) => path));
  return [...new Set(pairs.map(({ path }) => path))].filter((path) => !captioned.has(path));
}
