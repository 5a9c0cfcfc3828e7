/** `sara compare` */
import { basename, extname, join } from 'node:path';
import { z } from 'zod';
import { flag, text } from '../../train/settings.js';
import type { CommandSpec } from '../command.js';
import { showProgress } from '../progress.js';
import { runTask } from '../worker-client.js';
import { readExperiment } from './experiment.js';

const schema = z.strictObject({
  file: text('an experiment file').meta({ help: 'experiment: methods, sizes, picture sets, seeds, metrics' }),
  quick: flag().default(false).meta({ help: 'fewer steps, seeds and pictures, as the file says' }),
  out: text('a folder').optional().meta({
    argument: '<folder>',
    help: 'folder of cells and results; runs/<name of the file> unless given',
  }),
  inception: text('a file').optional().meta({ argument: '<file>', help: 'weights of Inception, for FID' }),
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
    'sara compare experiments/table2.yaml --out runs/table2',
  ],
  async run({ file, quick, inception, json, ...settings }) {
    const experiment = await readExperiment(file, quick);
    const { out = join('runs', `${basename(file, extname(file))}${quick ? '-quick' : ''}`) } = settings;
    const progress = showProgress('comparing', { quiet: json });
    const { status, table, results, markdown } = await runTask(
      'compare',
      { experiment, out, inception },
      (event) => {
        if (event.type === 'progress') progress.update(event.done, event.total, event.cell);
        else if (json) console.log(JSON.stringify(event));
        else progress.say(`cell ${event.number} of ${event.of}: ${event.result.id}`);
      },
      () => progress.say('stopping; finished cells and the checkpoint of this one are kept'),
    ).finally(() => progress.stop());
    if (status === 'stopped') {
      process.stderr.write('stopped; the same command again goes on from there\n');
      return 130;
    }
    console.log(
      json ? JSON.stringify({ type: status, table, results }) : `${markdown}\n${table}\n${results}`,
    );
    return 0;
  },
};
