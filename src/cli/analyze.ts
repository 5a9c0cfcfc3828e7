/** `sara analyze` */
import { z } from 'zod';
import type { LayerAnalysis } from '../analysis/index.js';
import { flag, text, texts } from '../train/settings.js';
import { adapterSetting } from './adapter-setting.js';
import type { AnalyzeResult } from './analyze-task.js';
import type { CommandSpec } from './command.js';
import { showProgress } from './progress.js';
import { table } from './text.js';
import { runTask } from './worker-client.js';

const RANKS = [4, 16, 64];

const ranks = z
  .preprocess(
    (value) => (typeof value === 'string' ? value.split(',').map(Number) : value),
    z.array(z.int('expected whole numbers such as 4,16,64').positive('expected ranks above 0')).nonempty(),
  )
  .default(RANKS as [number, ...number[]]);

const schema = z.strictObject({
  model: text('a model').meta({ argument: '<path>', help: 'a model folder or file, or hub:owner/name' }),
  adapter: adapterSetting(),
  layers: texts().default(['*attn*.to_v.weight']).meta({
    argument: '<pattern>',
    help: 'weights to look into: "*attn2*" or "/regular expression/"; repeatable; "*attn*.to_v.weight" unless given',
    repeatable: true,
  }),
  ranks: ranks.meta({ argument: '<r,r,…>', help: 'leading directions to look at; 4,16,64 unless given' }),
  json: flag().default(false).meta({ help: 'everything, singular values among it, as JSON' }),
});

export const analyze: CommandSpec<typeof schema> = {
  name: 'analyze',
  summary:
    'Tell what weights are made of, in which directions adapters change them, and how alike two adapters are.',
  schema,
  examples: [
    'sara analyze --model models/emoji --adapter runs/fluent/adapter.safetensors',
    'sara analyze --model models/emoji --adapter a.safetensors --adapter b.safetensors --layers "*attn2*" --json',
  ],
  async run({ model, adapter, layers, ranks, json }) {
    const progress = showProgress('decomposing', { quiet: json });
    const {
      status,
      layers: found,
      notes,
    } = await runTask(
      'analyze',
      { model, adapters: adapter, layers, ranks },
      ({ done, total }) => progress.update(done, total),
      () => progress.say('stopping after this weight'),
    ).finally(() => progress.stop());
    for (const note of notes) process.stderr.write(`${note}\n`);
    if (status === 'stopped') {
      process.stderr.write('stopped; nothing was told\n');
      return 130;
    }
    console.log(
      json
        ? JSON.stringify(found, null, 2)
        : describe(
            found,
            adapter.map(({ path }) => path),
          ),
    );
    return 0;
  },
};

/** Means over the weights, for each adapter and rank. */
function describe(layers: AnalyzeResult['layers'], adapters: readonly string[]): string {
  const parts = [
    `${layers.length} weights; means over them of norms and, by rank r, of the leading directions`,
    table([
      ['', '‖·‖', '‖·‖_*'],
      ['P', ...norms(layers)],
      ...adapters.map((path, i) => [path, ...norms(layers.map(({ changes }) => changes[i]!))]),
    ]),
  ];
  const ranks = layers.reduce<readonly number[]>(
    (most, { ranks }) => (ranks.length > most.length ? ranks : most),
    [],
  );
  const row = (name: string, value: (layer: LayerAnalysis, rank: number) => number | undefined) => [
    name,
    ...ranks.map((_, r) => mean(layers.flatMap((layer) => value(layer, r) ?? [])).toPrecision(3)),
  ];
  const rows = adapters.flatMap((path, i) => [
    row(`${path}: ‖UᵀPV‖`, ({ changes }, r) => changes[i]!.amplification[r]?.projection),
    row(`${path}: amplification`, ({ changes }, r) => changes[i]!.amplification[r]?.factor),
    row(`${path}: φ(P + ΔP, P)`, ({ changes }, r) => changes[i]!.kept[r]),
  ]);
  if (adapters.length > 1)
    rows.push(row('φ of the first two changes', ({ similarity }, r) => similarity?.[r]));
  if (rows.length > 0) parts.push(table([['', ...ranks.map((rank) => `r = ${rank}`)], ...rows]));
  return parts.join('\n\n');
}

function norms(of: readonly { frobenius: number; nuclear: number }[]): string[] {
  return [mean(of.map(({ frobenius }) => frobenius)), mean(of.map(({ nuclear }) => nuclear))].map((value) =>
    value.toPrecision(4),
  );
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}
