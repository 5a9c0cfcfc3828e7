/** Writing a Stable Diffusion model as a folder that diffusers loads. */
import { join } from 'node:path';
import { writeFileAtomic } from '../formats/index.js';
import { formatPythonJson } from '../formats/python-json.js';
import { saveNetwork } from './load.js';
import { modelIndexToWrite } from './model-index.js';
import type { SaveDType } from './precision.js';
import type { StableDiffusion } from './stable-diffusion.js';

/**
 * Writes every component under the keys and with the configurations it was read with; model_index.json comes last, so
 * that a folder that has one is complete. Throws InputError where the system refuses.
 */
export async function saveStableDiffusion(
  folder: string,
  sd: StableDiffusion,
  options: { dtype?: SaveDType } = {},
): Promise<void> {
  const texts = sd.textEncoders.map(({ network }) => network);
  for (const network of [sd.unet, sd.vae, ...texts]) {
    await saveNetwork(join(folder, network.name), network, options);
  }
  for (const { tokenizerName, tokenizerFiles } of sd.textEncoders) {
    for (const [name, bytes] of tokenizerFiles) {
      await writeFileAtomic(join(folder, tokenizerName, name), bytes);
    }
  }
  const scheduler = join(folder, 'scheduler', 'scheduler_config.json');
  await writeFileAtomic(scheduler, formatPythonJson(sd.schedulerConfig));
  const index = modelIndexToWrite(sd.modelIndex, sd.schedulerConfig._class_name);
  await writeFileAtomic(join(folder, 'model_index.json'), formatPythonJson(index));
}
