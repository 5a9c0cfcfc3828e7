/** `sara caption`: captions for pictures that have none, so that a folder can be trained on. */
import { z } from 'zod';
import { runtimeSettings } from '../train/runtime-settings.js';
import { flag, text, whole } from '../train/settings.js';
import type { CommandSpec } from './command.js';
import { showProgress } from './progress.js';
import { runTask } from './worker-client.js';

const schema = z.strictObject({
  folder: text('a folder').meta({ help: 'pictures; those that have a caption stay as they are' }),
  model: text('a BLIP folder').meta({
    argument: '<folder>',
    help: 'BLIP for captioning, as transformers saves it, such as Salesforce/blip-image-captioning-base',
  }),
  prompt: z
    .string('expected a text')
    .default('')
    .meta({ argument: '<text>', help: 'what every caption begins with, such as "a picture of"' }),
  newTokens: whole(1).default(20).meta({ argument: '<n>', help: 'length of a caption at most, in tokens' }),
  ...runtimeSettings,
  json: flag().default(false).meta({ help: 'the result as JSON on standard output' }),
});

export const caption: CommandSpec<typeof schema> = {
  name: 'caption',
  summary: 'Write captions of pictures that have none into metadata.jsonl, by BLIP.',
  schema,
  positional: ['folder'],
  examples: ['sara caption photos --model models/blip-image-captioning-base --prompt "a picture of"'],
  async run({ json, ...settings }) {
    const progress = showProgress('captioning', { quiet: json });
    const result = await runTask(
      'caption',
      { ...settings, threads: settings.threads },
      ({ done, total }) => progress.update(done, total),
      () => progress.say('stopping after this picture'),
    ).finally(() => progress.stop());
    const { status, file, captions, broken } = result;
    for (const message of broken) process.stderr.write(`${message}\n`);
    if (json) console.log(JSON.stringify(result));
    else console.log(`${file}: ${captions.length} ${captions.length === 1 ? 'caption' : 'captions'} added`);
    if (status === 'stopped') {
      process.stderr.write('stopped; run the same command again to caption the rest\n');
      return 130;
    }
    return broken.length > 0 ? 1 : 0;
  },
};
