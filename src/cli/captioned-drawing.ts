/** Drawing prompts into a folder of captioned pictures that says how they were drawn, and that is gone on with after a stop. */
import { join, resolve } from 'node:path';
import { InputError } from '../errors.js';
import { exists, readJson, sha256OfFile, writeFileAtomic, writePng } from '../formats/index.js';
import { generate } from '../generate/index.js';
import { adapterFiles } from '../interop/index.js';
import type { Picture } from '../metrics/index.js';
import { picturesIn } from '../train/data/scan.js';
import { modelDigest } from '../train/digest.js';
import { captionedPictures, writeCaptions } from './captioned-pictures.js';
import { type DrawingModel, openDrawingModel } from './drawing-model.js';
import { type DrawingSettings, generateOptions } from './drawing-settings.js';

export interface CaptionedDrawing extends DrawingModel, DrawingSettings {
  prompts: string[];
  /** The folder of the pictures. */
  out: string;
}

/** All that the pictures depend on, by content; drawing.json in their folder. */
export type DrawingRecord = Readonly<Record<string, unknown>>;

export interface DrawnFolder {
  readonly record: DrawingRecord;
  /** What was guessed about the model: sentences. */
  readonly conclusions: readonly string[];
}

/** The pictures that the folder will hold: all prompts, `count` times over. */
export function picturesToDraw({ out, prompts, count }: CaptionedDrawing): Picture[] {
  return captionedPictures(resolve(out), Array.from({ length: count }, () => prompts).flat());
}

/**
 * Draws what is not there yet; `onStep` counts network calls and may throw to stop. Throws InputError where the folder holds
 * pictures that were drawn otherwise.
 */
export async function drawCaptioned(
  settings: CaptionedDrawing,
  onStep: (done: number, total: number) => void,
): Promise<DrawnFolder> {
  const { out, prompts } = settings;
  const folder = resolve(out);
  let base = '';
  const sd = await openDrawingModel(settings, (model) => {
    base = modelDigest(model);
  });
  try {
    const record = await recordOf(settings, base);
    await claim(folder, record);
    const pictures = picturesToDraw(settings);
    for (const [first, { path }] of pictures.entries()) {
      if (await exists(path)) continue;
      const [image] = await generate(sd, {
        ...generateOptions(settings, prompts),
        first,
        count: 1,
        onStep: ({ done, total }) => onStep(first * total + done, pictures.length * total),
      });
      await writePng(path, image!);
    }
    await writeCaptions(folder, pictures);
    return { record, conclusions: sd.conclusions };
  } finally {
    await sd.dispose();
  }
}

async function recordOf(settings: CaptionedDrawing, digest: string): Promise<DrawingRecord> {
  const { model, predictionType, adapters, embeddings, prompts } = settings;
  const { negative, steps, guidance, size, sampler, seed, count } = settings;
  const contentOf = async (path: string) => ({ path, sha256: await sha256OfFile(path) });
  return {
    model: { path: model, sha256: digest, predictionType },
    adapters: await Promise.all(
      adapters.map(async ({ path, scale }) => {
        const files = await Promise.all((await adapterFiles(path)).map(sha256OfFile));
        return { path, sha256: files.join(' '), scale };
      }),
    ),
    embeddings: await Promise.all(embeddings.map(contentOf)),
    ...{ negative, steps, guidance, size, sampler, seed, count, prompts },
  };
}

/** Makes the folder the record's. Throws InputError where it holds other pictures. */
async function claim(folder: string, record: DrawingRecord): Promise<void> {
  const file = join(folder, 'drawing.json');
  if (await exists(file)) {
    const found = (await readJson(file)) as DrawingRecord;
    const same = (key: string) => JSON.stringify(found[key]) === JSON.stringify(record[key]);
    const other = Object.keys(record).filter((key) => !same(key));
    if (other.length === 0) return;
    throw new InputError(
      `${folder} holds pictures of other ${other.join(', ')}; name another folder with --out`,
    );
  }
  if ((await exists(folder)) && (await picturesIn(folder)).length > 0) {
    throw new InputError(
      `expected a new folder for the pictures, but ${folder} holds others; name another folder with --out`,
    );
  }
  await writeFileAtomic(file, `${JSON.stringify(record, null, 2)}\n`);
}
