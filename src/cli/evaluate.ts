/** `sara evaluate` */
import { type Measurement, measurementLabel } from '../metrics/index.js';
import type { CommandSpec } from './command.js';
import { evaluateSchema, taskSettings } from './evaluate-settings.js';
import { type Progress, showProgress } from './progress.js';
import { table } from './text.js';
import { runTask } from './worker-client.js';

export const evaluate: CommandSpec<typeof evaluateSchema> = {
  name: 'evaluate',
  summary:
    'Measure generated pictures, against real ones and against their captions; draw them first where a model is given.',
  schema: evaluateSchema,
  examples: [
    'sara evaluate --real data/fluent-3d --generated drawn --inception pt_inception-2015-12-05-6726825d.pth',
    'sara evaluate --generated drawn --clip models/clip-vit-large-patch14',
    'sara evaluate --real data/fluent-3d --clip models/clip-vit-large-patch14 --model models/emoji \\\n      --adapter runs/fluent/adapter.safetensors --suffix ", fluent style" --out runs/fluent/drawn',
  ],
  async run({ json, ...given }) {
    const settings = await taskSettings({ json, ...given });
    const bars: Record<'drawing' | 'measuring', Progress> = {
      drawing: showProgress('drawing', { quiet: json }),
      measuring: showProgress('looking at pictures', { quiet: json }),
    };
    const stop = () => Object.values(bars).forEach((bar) => void bar.stop());
    let doing: keyof typeof bars = 'measuring';
    const result = await runTask(
      'evaluate',
      settings,
      (event) => {
        if (event.doing !== doing) bars[doing].stop();
        doing = event.doing;
        bars[doing].update(event.done, event.total);
      },
      () => bars[doing].say('stopping'),
    ).finally(stop);
    const { status, measurements, leftOut, pictures, drawing, conclusions } = result;
    for (const text of conclusions) process.stderr.write(`${given.model}: ${text}\n`);
    if (status === 'stopped') {
      const kept =
        given.model === undefined ? '' : '; pictures that were drawn are kept for the same command';
      process.stderr.write(`stopped; nothing was measured${kept}\n`);
      return 130;
    }
    const { real, generated = given.out } = given;
    const { models } = settings;
    if (json) {
      const folders = { real, generated };
      console.log(JSON.stringify({ folders, pictures, models, drawing, measurements, leftOut }, null, 2));
      return 0;
    }
    for (const text of leftOut) process.stderr.write(`left out: ${text}\n`);
    console.log(describe(measurements));
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
