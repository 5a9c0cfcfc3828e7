/** `sara merge` */
import { z } from 'zod';
import { InputError, UsageError } from '../errors.js';
import { exists } from '../formats/index.js';
import { AdaptedModel } from '../interop/index.js';
import { METHODS, mergeAdapters, saveAdapter } from '../peft/index.js';
import { modelSettings } from '../train/model-settings.js';
import { flag, oneOf, text } from '../train/settings.js';
import { adapterSetting } from './adapter-setting.js';
import { loadAdapters, readerFor } from './adapters.js';
import type { CommandSpec } from './command.js';

const schema = z.strictObject({
  ...modelSettings,
  adapter: adapterSetting(),
  out: text('a folder or a .safetensors file').meta({
    argument: '<path>',
    help: 'a new model folder, or one adapter where the name ends in .safetensors',
  }),
  dtype: oneOf(['float16', 'float32'])
    .default('float16')
    .meta({ argument: '<type>', help: 'precision of what is written: float16 or float32' }),
  json: flag().default(false).meta({ help: 'the result as JSON on standard output' }),
});

export const merge: CommandSpec<typeof schema> = {
  name: 'merge',
  summary: 'Put adapters into a model for good, or several adapters into one.',
  schema,
  examples: [
    'sara merge --model models/emoji --adapter fluent.safetensors --out models/emoji-fluent',
    'sara merge --model models/emoji --adapter a.safetensors:0.6 --adapter b.safetensors:0.6 --out both.safetensors',
  ],
  async run({ model, predictionType, adapter, out, dtype, json }) {
    if (adapter.length === 0)
      throw new UsageError('sara merge needs --adapter <file[:scale]>, once or several times');
    const reader = readerFor(model);
    const adapters = await loadAdapters(adapter, reader);
    if (out.endsWith('.safetensors')) {
      const merged = mergeAdapters(await reader.unet(), adapters, { model, dtype });
      const methods = [...new Set(adapters.map((use) => use.adapter.method))];
      if (merged.method === 'full' && methods.some((method) => METHODS[method].addition)) {
        process.stderr.write(
          `${out} holds whole changes of weights (method full), since ${methods.join(' and ')} adapters add up in no smaller form\n`,
        );
      }
      await saveAdapter(out, merged);
    } else {
      if (await exists(out)) throw new InputError(`${out} exists already; name a new folder with --out`);
      const adapted = await AdaptedModel.open(model, adapters, { predictionType });
      for (const conclusion of adapted.conclusions) process.stderr.write(`${model}: ${conclusion}\n`);
      try {
        await adapted.saveCheckpoint(out, { dtype });
      } finally {
        await adapted.close();
      }
    }
    console.log(json ? JSON.stringify({ out }) : out);
    return 0;
  },
};
