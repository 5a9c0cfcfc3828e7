/** Reading the adapters that a command names, whichever program wrote them. */
import { type AdapterTarget, readAdapter } from '../interop/index.js';
import { loadUNet } from '../models/index.js';
import type { AdapterUse } from '../peft/index.js';
import type { AdapterChoice } from './adapter-setting.js';

/** The model that adapters are read for, and who is told what a file has beyond what applies. */
export interface AdapterReader extends AdapterTarget {
  onNote(text: string): void;
}

/** For commands that have no model in memory: its UNet is read once, where a file asks for it, and notes go to standard error. */
export function readerFor(model: string): AdapterReader {
  let unet: ReturnType<typeof loadUNet> | undefined;
  return {
    model,
    unet: () => {
      unet ??= loadUNet(model);
      return unet;
    },
    onNote: (text) => process.stderr.write(`${text}\n`),
  };
}

/** Throws InputError where one is missing, broken or no adapter. */
export async function loadAdapters(
  choices: readonly AdapterChoice[],
  reader: AdapterReader,
): Promise<AdapterUse[]> {
  const uses: AdapterUse[] = [];
  for (const { path, scale } of choices) {
    const { adapter, leftOut } = await readAdapter(path, reader);
    if (leftOut.length > 0) reader.onNote(leftOutNote(path, leftOut));
    uses.push({ adapter, scale });
  }
  return uses;
}

/** In words. */
export function leftOutNote(path: string, leftOut: readonly string[]): string {
  return `${path}: left out ${leftOut.length} tensors of text encoders, which adapters do not change`;
}
