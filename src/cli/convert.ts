/** `sara convert` */
import { z } from 'zod';
import { openModel, SAVE_DTYPES, writeModel } from '../models/index.js';
import { modelSettings } from '../train/model-settings.js';
import { flag, oneOf, text } from '../train/settings.js';
import type { CommandSpec } from './command.js';

const schema = z.strictObject({
  in: text('a model folder or file').meta({ help: 'diffusers folder, .safetensors or .ckpt file' }),
  out: text('a new folder or .safetensors file').meta({ help: 'new folder, or new .safetensors file' }),
  dtype: oneOf(SAVE_DTYPES)
    .optional()
    .meta({ argument: '<type>', help: `${SAVE_DTYPES.join(', ')}; each weight's own unless given` }),
  predictionType: modelSettings.predictionType,
  json: flag().default(false).meta({ help: 'the result as JSON on standard output' }),
});

export const convert: CommandSpec<typeof schema> = {
  name: 'convert',
  summary: 'Make a single file of a model folder, or a folder of a single file; weights stay as they are.',
  schema,
  positional: ['in', 'out'],
  examples: [
    'sara convert v1-5-pruned-emaonly.safetensors models/sd15',
    'sara convert models/sd15 sd15.safetensors --dtype float16',
  ],
  async run({ in: from, out, dtype, predictionType, json }) {
    const model = await openModel(from, { predictionType });
    try {
      await writeModel(out, model, { dtype });
    } finally {
      await model.close();
    }
    for (const conclusion of model.conclusions) process.stderr.write(`${from}: ${conclusion}\n`);
    console.log(json ? JSON.stringify({ out }) : out);
    return 0;
  },
};
