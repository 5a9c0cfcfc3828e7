/** `sara compare` */
import { basename, extname } from 'node:path';
import { z } from 'zod';
import { flag, text } from '../../train/settings.js';
import type { CommandSpec } from '../command.js';
import { metricModelSettings } from '../metric-models.js';
import { showProgress } from '../progress.js';
import { runTask } from '../worker-client.js';
import { type Experiment, readExperiment } from './experiment.js';

const schema = z.strictObject({
  file: text('an experiment file').meta({ help: 'experiment: methods, sizes, picture sets, seeds, metrics' }),
  quick: flag().default(false).meta({ help: 'fewer steps, seeds and pictures, as the file says' }),
  out: text('a folder').default('runs/compare').meta({
    argument: '<folder>',
    help: 'folder of trainings, pictures and results, of this comparison and others; runs/compare unless given',
  }),
  ...metricModelSettings,
  json: flag().default(false).meta({ help: 'each cell and the files as JSON lines on standard output' }),
});

export const compare: CommandSpec<typeof schema> = {
  name: 'compare',
  summary:
    'Train, draw and measure all methods of an experiment file; the same command again goes on where it stopped.',
  schema,
  positional: ['file'],
  examples: [
    'sara compare experiments/table2.yaml --quick',
    'sara compare experiments/table2.yaml --out runs/compare',
  ],
  async run({ file, quick, out, json, ...models }) {
    const written = await readExperiment(file, quick);
    const experiment = { ...written, models: given(written.models, models) };
    const name = `${basename(file, extname(file))}${quick ? '-quick' : ''}`;
    const progress = showProgress('comparing', { quiet: json });
    const { status, markdown, ...files } = await runTask(
      'compare',
      { experiment, name, out },
      (event) => {
        if (event.type === 'progress') progress.update(event.done, event.total, event.cell);
        else if (json) console.log(JSON.stringify(event));
        else progress.say(`cell ${event.number} of ${event.of}: ${event.name}`);
      },
      () => progress.say('stopping; finished cells and the checkpoint of this one are kept'),
    ).finally(() => progress.stop());
    if (status === 'stopped') {
      process.stderr.write('stopped; the same command again goes on from there\n');
      return 130;
    }
    const { table, results, plots, sheets } = files;
    console.log(
      json
        ? JSON.stringify({ type: status, ...files })
        : [markdown, table, results, ...plots, ...sheets].join('\n'),
    );
    return 0;
  },
};

/** Models of the command line in place of those of the file. */
function given(models: Experiment['models'], instead: Experiment['models']): Experiment['models'] {
  return {
    inception: instead.inception ?? models.inception,
    clip: instead.clip ?? models.clip,
    blip: instead.blip ?? models.blip,
  };
}
