/** Downloading the model that a setting names as on the Hugging Face Hub, before the command starts. */
import { showProgress } from './progress.js';

/** Settings that name models. */
const KEYS = ['model', 'in', 'path'];

const MEGABYTE = 1e6;

/** Afterwards what such settings name is in the cache, so that nobody else has to show progress. */
export async function downloadModels(settings: Readonly<Record<string, unknown>>): Promise<void> {
  for (const key of KEYS) {
    const value = settings[key];
    if (typeof value !== 'string' || !value.startsWith('hub:')) continue;
    const { downloadModel, parseHubName } = await import('../models/index.js');
    const name = parseHubName(value)!;
    const progress = showProgress(`downloading ${name.repository}, MB`, { quiet: settings.json === true });
    await downloadModel(name, ({ done, total }) =>
      progress.update(Math.floor(done / MEGABYTE), Math.ceil(total / MEGABYTE)),
    ).finally(() => progress.stop());
  }
}
