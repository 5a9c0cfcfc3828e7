/** `sara evaluate` */
import { z } from 'zod';
import { UsageError } from '../errors.js';
import { type Measurement, measurementLabel, PICTURE_RESIZES } from '../metrics/index.js';
import { runtimeSettings } from '../train/runtime-settings.js';
import { flag, oneOf, text } from '../train/settings.js';
import type { CommandSpec } from './command.js';
import { showProgress } from './progress.js';
import { table } from './text.js';
import { runTask } from './worker-client.js';

const schema = z.strictObject({
  real: text('a folder').meta({ argument: '<folder>', help: 'pictures as they should be' }),
  generated: text('a folder').meta({ argument: '<folder>', help: 'pictures to be measured' }),
  inception: text('a file').optional().meta({
    argument: '<file>',
    help: 'FID and KID with these weights of torch-fidelity or pytorch-fid (.pth or .safetensors)',
  }),
  clip: text('a CLIP folder').optional().meta({
    argument: '<folder>',
    help: 'CLIP score, CLIP-T, CLIP-I and distances with this CLIP, as transformers saves it',
  }),
  blip: text('a BLIP folder').optional().meta({
    argument: '<folder>',
    help: 'B-VQA with this BLIP for questions, such as Salesforce/blip-vqa-capfilt-large',
  }),
  resize: oneOf(PICTURE_RESIZES).default('none').meta({
    argument: '<how>',
    help: 'before Inception and CLIP: none, or official, which squashes to 512 × 512 as the official SaRA does',
  }),
  cache: text('a folder').optional().meta({
    argument: '<folder>',
    help: 'features of pictures are kept here; sara-diffusion/features in the cache folder unless given',
  }),
  ...runtimeSettings,
  json: flag().default(false).meta({ help: 'as JSON' }),
});

export const evaluate: CommandSpec<typeof schema> = {
  name: 'evaluate',
  summary: 'Measure generated pictures against real ones.',
  schema,
  examples: [
    'sara evaluate --real data/fluent-3d --generated drawn --inception pt_inception-2015-12-05-6726825d.pth',
  ],
  async run({ json, ...settings }) {
    const { inception, clip, blip, cache, threads } = settings;
    if (inception === undefined && clip === undefined && blip === undefined) {
      throw new UsageError(
        'sara evaluate needs what measures: --inception <file>, --clip <folder> or --blip <folder>',
      );
    }
    const progress = showProgress('looking at pictures', { quiet: json });
    const { status, measurements } = await runTask(
      'evaluate',
      { ...settings, inception, clip, blip, cache, threads },
      ({ done, total }) => progress.update(done, total),
      () => progress.say('stopping after these pictures'),
    ).finally(() => progress.stop());
    if (status === 'stopped') {
      process.stderr.write('stopped; nothing was measured\n');
      return 130;
    }
    console.log(json ? JSON.stringify(measurements, null, 2) : describe(measurements));
    return 0;
  },
};

function describe(measurements: readonly Measurement[]): string {
  const numbers = table(
    measurements.map((found) => [measurementLabel(found), found.value.toPrecision(5)]),
  ).split('\n');
  return measurements
    .map(({ better, details }, i) => {
      const told = Object.entries(details).map(
        ([what, detail]) => `${what} ${typeof detail === 'number' ? Number(detail.toPrecision(3)) : detail}`,
      );
      return `${numbers[i]}  ${[`${better} is better`, ...told].join(', ')}`;
    })
    .join('\n');
}
