/** Reading the adapters that a command names. */
import { type AdapterUse, loadAdapter } from '../peft/index.js';
import type { AdapterChoice } from './adapter-setting.js';

/** Throws InputError where one is missing or broken. */
export async function loadAdapters(choices: readonly AdapterChoice[]): Promise<AdapterUse[]> {
  const uses: AdapterUse[] = [];
  for (const { path, scale } of choices) uses.push({ adapter: await loadAdapter(path), scale });
  return uses;
}
