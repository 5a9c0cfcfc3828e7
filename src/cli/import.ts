/** `sara import` */
import { z } from 'zod';
import { loadUNet } from '../models/index.js';
import { importOfficialSara, saveAdapter } from '../peft/index.js';
import { flag, oneOf, text } from '../train/settings.js';
import type { CommandSpec } from './command.js';

const schema = z.strictObject({
  model: text('a model folder or file').meta({
    argument: '<path>',
    help: 'the model that the file was trained from, in the same precision',
  }),
  file: text('a .pt file').meta({
    argument: '<file>',
    help: 'checkpoint of the official SaRA, such as checkpoint-5000/unet.pt',
  }),
  out: text('a .safetensors file').meta({ argument: '<file>', help: 'the adapter to write' }),
  prefix: z
    .string('expected a text')
    .default('')
    .meta({ argument: '<text>', help: 'what stood before every caption in training; kept in the adapter' }),
  dtype: oneOf(['float32', 'float16'])
    .default('float32')
    .meta({ argument: '<type>', help: 'precision of the changes: float32 or float16' }),
  json: flag().default(false).meta({ help: 'the result as JSON on standard output' }),
});

export const importCommand: CommandSpec<typeof schema> = {
  name: 'import',
  summary: 'Make an adapter of a file of the official SaRA.',
  schema,
  examples: ['sara import --model models/sd15 --file checkpoint-5000/unet.pt --out barbie.safetensors'],
  async run({ model, file, out, prefix, dtype, json }) {
    const adapter = await importOfficialSara(file, await loadUNet(model), { model, prefix, dtype });
    await saveAdapter(out, adapter);
    console.log(json ? JSON.stringify({ out, threshold: adapter.threshold }) : out);
    return 0;
  },
};
