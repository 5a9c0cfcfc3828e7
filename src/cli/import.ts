/** `sara import` */
import { z } from 'zod';
import { importAdapter } from '../interop/index.js';
import { loadUNet } from '../models/index.js';
import { saveAdapter } from '../peft/index.js';
import { flag, oneOf, text } from '../train/settings.js';
import { leftOutNote } from './adapters.js';
import type { CommandSpec } from './command.js';

const schema = z.strictObject({
  model: text('a model folder or file').meta({
    argument: '<path>',
    help: 'the model that the file was trained from, in the same precision',
  }),
  file: text('a file').meta({
    argument: '<path>',
    help: 'unet.pt of the official SaRA, a LoRA or DoRA with the keys of kohya or diffusers, or a PEFT folder',
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
  summary: 'Make an adapter of a file of another program: the official SaRA, LoRA, DoRA.',
  schema,
  examples: [
    'sara import --model models/sd15 --file checkpoint-5000/unet.pt --out barbie.safetensors',
    'sara import --model models/sd15 --file someones-lora.safetensors --out style.safetensors',
  ],
  async run({ model, file, out, prefix, dtype, json }) {
    const unet = await loadUNet(model);
    const { adapter, leftOut } = await importAdapter(file, unet, { model, prefix, dtype });
    if (leftOut.length > 0) process.stderr.write(`${leftOutNote(file, leftOut)}\n`);
    await saveAdapter(out, adapter);
    console.log(json ? JSON.stringify({ out, method: adapter.method, threshold: adapter.threshold }) : out);
    return 0;
  },
};
