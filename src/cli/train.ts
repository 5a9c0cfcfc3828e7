/** `sara train` */

import { trainSchema } from '../train/config.js';
import type { RunEvent } from '../train/index.js';
import { flag } from '../train/settings.js';
import type { CommandSpec } from './command.js';
import { describeMemory } from './memory-text.js';
import { type Progress, showProgress } from './progress.js';
import { bytes, percent, thousands } from './text.js';
import { runTask } from './worker-client.js';

const schema = trainSchema.extend({
  json: flag()
    .default(false)
    .meta({ help: 'events and result as JSON lines on standard output', incidental: true }),
});

export const train: CommandSpec<typeof schema> = {
  name: 'train',
  summary: 'Fine-tune a model on a folder of pictures; the same command again goes on where a run stopped.',
  schema,
  examples: [
    'sara train --model models/emoji --data data/fluent-3d --suffix ", fluent style" --out runs/fluent',
    'sara train --model models/emoji --data data/fluent-3d --params 500k --steps 300 \\\n      --sample-prompt "a red apple, fluent style" --sample-every 50',
    'sara train --config runs/fluent/config.yaml --seed 1 --out runs/fluent-again',
  ],
  async run({ json, ...config }) {
    const encoding = showProgress('encoding', { quiet: json });
    const steps = showProgress('training', { quiet: json });
    const drawing = showProgress('class pictures', { quiet: json });
    const told = json
      ? (event: RunEvent) => console.log(JSON.stringify(event))
      : teller(encoding, steps, drawing);
    const say = (line: string) => process.stderr.write(`${line}\n`);
    const stopping = () => steps.say('finishing the step, then saving; Ctrl-C once more stops at once');
    const result = await runTask('train', config, told, stopping).finally(() => {
      for (const bar of [drawing, encoding, steps]) bar.stop();
    });
    if (json) console.log(JSON.stringify({ type: result.status, ...result }));
    if (result.status === 'stopped') {
      say(`stopped after step ${result.step} of ${result.steps}; the same command again goes on from there`);
      return 130;
    }
    if (result.status === 'finished before') {
      say(`${result.folder} holds this run, finished after ${result.step} steps; --overwrite starts it anew`);
    }
    if (!json) console.log(result.result);
    return 0;
  },
};

/** Shows events to people. */
export function teller(
  encoding: Progress,
  steps: Progress,
  drawing = showProgress('class pictures'),
): (event: RunEvent) => void {
  let smoothed: number | undefined;
  return (event) => {
    switch (event.type) {
      case 'note':
        return steps.say(event.text);
      case 'memory':
        return steps.say(describeMemory(event.estimate));
      case 'searching':
        return steps.say(
          `the first ${thousands(event.steps)} steps, of ${event.images} ${event.images === 1 ? 'picture' : 'pictures'}, find out which weights train`,
        );
      case 'selected': {
        const below = event.threshold === undefined ? '' : ` with |w| < ${event.threshold.toPrecision(3)}`;
        return steps.say(
          `training ${thousands(event.trained)} of ${thousands(event.total)} weights (${percent(event.trained / event.total)})${below}, learning rate ${event.learningRate.toPrecision(3)}`,
        );
      }
      case 'class picture':
        drawing.update(event.done, event.total);
        return event.done === event.total ? drawing.stop() : undefined;
      case 'encoded':
        encoding.update(event.done, event.total);
        return event.done === event.total ? encoding.stop() : undefined;
      case 'resumed':
        return steps.say(`going on after step ${event.step}, from ${event.path}`);
      case 'step': {
        smoothed = smoothed === undefined ? event.loss : 0.95 * smoothed + 0.05 * event.loss;
        const speed = `${(event.images / event.seconds).toPrecision(3)} images/s`;
        const memory = bytes(process.memoryUsage.rss());
        return steps.update(event.step, event.steps, `loss ${smoothed.toFixed(4)}, ${speed}, ${memory}`);
      }
      case 'sampled':
        return steps.say(`drew ${event.path}`);
      case 'saved':
        return;
    }
  };
}
