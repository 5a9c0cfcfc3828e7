/** `sara inspect`: how large the weights of a model are, and what an adapter holds. */
import { z } from 'zod';
import { holdsUNet, loadUNet } from '../models/index.js';
import { flag, text } from '../train/settings.js';
import { adapterReport, describeAdapter } from './adapter-report.js';
import type { CommandSpec } from './command.js';
import { percent, table, thousands } from './text.js';
import { PAPER_THRESHOLDS, type WeightReport, weightReport } from './weight-report.js';

const schema = z.strictObject({
  path: text('a model or an adapter file').meta({ help: 'model folder, model file or adapter file' }),
  layers: flag().default(false).meta({ help: 'every weight by its key' }),
  json: flag().default(false).meta({ help: 'as JSON' }),
});

export const inspect: CommandSpec<typeof schema> = {
  name: 'inspect',
  summary: 'Count the weights of a model below thresholds, or tell what an adapter changes.',
  schema,
  positional: ['path'],
  examples: ['sara inspect models/emoji', 'sara inspect runs/fluent/adapter.safetensors --layers'],
  async run({ path, layers, json }) {
    if (await holdsUNet(path)) {
      const report = weightReport(await loadUNet(path));
      console.log(json ? toJson(report, layers) : describeWeights(report, layers));
    } else {
      const report = await adapterReport(path);
      console.log(json ? toJson(report, layers) : describeAdapter(report, layers));
    }
    return 0;
  },
};

function toJson(report: { layers: unknown }, layers: boolean): string {
  return JSON.stringify(layers ? report : { ...report, layers: undefined }, null, 2);
}

function describeWeights({ total, below, histogram, layers }: WeightReport, perLayer: boolean): string {
  const counts = below.map(({ threshold, count }) => [
    `|w| < ${threshold.toExponential()}`,
    thousands(count),
    percent(count / total),
  ]);
  const largest = Math.max(...histogram.map(({ count }) => count));
  const bars = histogram.map(({ from, to, count }) => [
    `${from.toExponential(0)} – ${to.toExponential(0)}`.padEnd(15),
    percent(count / total).padStart(7),
    '█'.repeat(Math.round((40 * count) / largest)),
  ]);
  const parts = [
    `unet: ${thousands(total)} weights in ${layers.length} tensors`,
    table(counts),
    `|w|:\n${bars.map((row) => row.join('  ').trimEnd()).join('\n')}`,
  ];
  if (perLayer) {
    const head = [
      'key',
      'shape',
      'weights',
      ...PAPER_THRESHOLDS.map((threshold) => `<${threshold.toExponential()}`),
    ];
    const rows = layers.map(({ key, shape, count, below: counted }) => [
      key,
      `[${shape}]`,
      thousands(count),
      ...counted.map((number) => percent(number / count)),
    ]);
    parts.push(table([head, ...rows]));
  }
  return parts.join('\n\n');
}
