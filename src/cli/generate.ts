/** `sara generate` */
import { z } from 'zod';
import { UsageError } from '../errors.js';
import { modelSettings } from '../train/model-settings.js';
import { readPrompts } from '../train/prompts.js';
import { runtimeSettings } from '../train/runtime-settings.js';
import { flag, text, texts } from '../train/settings.js';
import { adapterSetting } from './adapter-setting.js';
import type { CommandSpec } from './command.js';
import { drawingSettings, embeddingSetting } from './drawing-settings.js';
import { showProgress } from './progress.js';
import { runTask } from './worker-client.js';

const schema = z.strictObject({
  ...modelSettings,
  adapter: adapterSetting(),
  embedding: embeddingSetting(),
  prompt: texts()
    .default([])
    .meta({ argument: '<text>', help: 'what to draw; repeatable', repeatable: true }),
  prompts: text('a file').optional().meta({ argument: '<file>', help: 'prompts to draw, a line each' }),
  ...drawingSettings,
  sheet: flag().default(false).meta({ help: 'all pictures on one labelled sheet' }),
  out: text('a PNG file')
    .regex(/\.png$/i, 'expected a name that ends in .png')
    .meta({
      argument: '<x.png>',
      help: 'picture; several become x-1.png, x-2.png, …',
    }),
  ...runtimeSettings,
  json: flag().default(false).meta({ help: 'the files as JSON on standard output' }),
});

export const generate: CommandSpec<typeof schema> = {
  name: 'generate',
  summary: 'Draw pictures from texts, with or without adapters.',
  schema,
  examples: [
    'sara generate --model models/emoji --prompt "a red apple, noto style" --out apple.png',
    'sara generate --model models/emoji --adapter runs/fluent/adapter.safetensors:0.8 \\\n      --prompts prompts.txt --count 4 --sheet --out sheet.png',
  ],
  async run({ adapter, embedding, prompt, prompts: file, json, ...settings }) {
    const prompts = [...prompt, ...(file ? await readPrompts(file) : [])];
    if (prompts.length === 0) throw new UsageError('sara generate needs --prompt <text> or --prompts <file>');
    const progress = showProgress('drawing', { quiet: json });
    const { status, files, conclusions } = await runTask(
      'generate',
      {
        ...settings,
        threads: settings.threads,
        predictionType: settings.predictionType,
        adapters: adapter,
        embeddings: embedding,
        prompts,
      },
      ({ done, total }) => progress.update(done, total),
      () => progress.say('stopping after this sampler step'),
    ).finally(() => progress.stop());
    for (const text of conclusions) process.stderr.write(`${settings.model}: ${text}\n`);
    if (status === 'stopped') {
      process.stderr.write('stopped; nothing was written\n');
      return 130;
    }
    console.log(json ? JSON.stringify({ files }) : files.join('\n'));
    return 0;
  },
};
