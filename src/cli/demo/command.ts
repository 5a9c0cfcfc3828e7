/** `sara demo`: the main job, and what `npm start` does. */
import { relative } from 'node:path';
import { pathToFileURL } from 'node:url';
import { percentChange, withError } from '../../report/index.js';
import type { CommandSpec } from '../command.js';
import { type Progress, showProgress } from '../progress.js';
import { bytes, duration, percent, table, thousands } from '../text.js';
import { teller } from '../train.js';
import { runTask } from '../worker-client.js';
import { type DemoConfig, demoSchema } from './config.js';
import type { DemoEvent, DemoResult } from './task.js';

export const demo: CommandSpec<typeof demoSchema> = {
  name: 'demo',
  summary:
    'Teach the shipped model a drawing style and show pictures before and after; takes about two minutes.',
  schema: demoSchema,
  examples: [
    'sara demo',
    'sara demo --data data/fluent-flat --held-out data/fluent-flat-held-out --out runs/flat',
  ],
  async run({ json, ...config }) {
    const say = (line: string) => process.stderr.write(`${line}\n`);
    if (!json) say(introduction(config));
    const encoding = showProgress('encoding', { quiet: json });
    const steps = showProgress('training', { quiet: json });
    const bars = [encoding, steps];
    const told = json
      ? (event: DemoEvent) => console.log(JSON.stringify(event))
      : tellerOf(bars, encoding, steps);
    const stopping = () => steps.say('finishing this step; Ctrl-C once more stops at once');
    const result = await runTask('demo', config, told, stopping).finally(() => {
      for (const bar of bars) bar.stop();
    });
    if (json) console.log(JSON.stringify({ type: result.status, ...result }));
    if (result.status === 'stopped') {
      say('stopped; the same command again goes on from the last checkpoint');
      return 130;
    }
    if (!json) console.log(conclusion(result));
    return 0;
  },
};

function introduction({ model, data, heldOut, steps, batch, out }: DemoConfig): string {
  return [
    `This teaches ${model}, a text-to-image diffusion model, the drawing style of ${data}.`,
    '  1. It draws some prompts, and measures its loss on pictures of the new style and of the old ones.',
    `  2. SaRA fine-tunes its small weights for ${steps} steps of ${batch} pictures. All others stay as they are.`,
    `  3. It draws and measures the same again. Training never shows the pictures of ${heldOut}.`,
    `The result, an adapter file and a report with the pictures, goes to ${out}.`,
    'Two cores need about two minutes with the settings as shipped. Ctrl-C stops; the same command goes on.',
  ].join('\n');
}

/** Shows events to people; bars are added to `bars` as they begin. */
function tellerOf(bars: Progress[], encoding: Progress, steps: Progress): (event: DemoEvent) => void {
  const training = teller(encoding, steps);
  let drawing = showProgress('drawing');
  let measuring = showProgress('measuring');
  const update = (bar: Progress, { done, total }: { done: number; total: number }) => {
    bar.update(done, total);
    if (done === total) bar.stop();
  };
  return (event) => {
    switch (event.type) {
      case 'stage':
        steps.say({ before: '\nBefore', training: '\nTraining', after: '\nAfter' }[event.stage]);
        drawing = showProgress('drawing');
        measuring = showProgress('measuring');
        bars.push(drawing, measuring);
        return;
      case 'drawn':
        return update(drawing, event);
      case 'measured':
        return update(measuring, event);
      default:
        return training(event);
    }
  };
}

function conclusion(result: Extract<DemoResult, { status: 'finished' }>): string {
  const { losses, trained, total, adapterBytes, modelBytes, trainingSeconds, seconds, peakMemoryBytes } =
    result;
  const rows = losses.map(({ set, before, after }) => {
    return [set, withError(before), withError(after), percentChange(after.mean / before.mean)];
  });
  return `
${table([['loss', 'before', 'after', 'change'], ...rows])}

trained      ${thousands(trained)} of ${thousands(total)} weights (${percent(trained / total)})
adapter      ${bytes(adapterBytes)}, the model has ${bytes(modelBytes)}: ${shown(result.adapter)}
time         ${duration(trainingSeconds)} of training, ${duration(seconds)} in all
peak memory  ${bytes(peakMemoryBytes)}

pictures     ${shown(result.sheet)}
report       ${shown(result.page)}  (${pathToFileURL(result.page)})`;
}

/** As short as a path can be from here. */
const shown = (path: string): string => relative('', path) || path;
