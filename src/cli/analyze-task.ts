/** Looking into the weights of a model and into what adapters change of them: what `sara analyze` does in its worker thread. */
import { analyzeLayer, type LayerAnalysis } from '../analysis/index.js';
import { InputError } from '../errors.js';
import { type Dense, dense } from '../linalg/index.js';
import { loadUNet } from '../models/index.js';
import { asFloat32 } from '../nn/index.js';
import { AdaptedWeights, networkSource, type WeightDelta } from '../peft/index.js';
import { sizeOf } from '../tensor/index.js';
import { keyFilter } from '../train/key-filter.js';
import type { AdapterChoice } from './adapter-setting.js';
import { loadAdapters } from './adapters.js';

export interface AnalyzeSettings {
  model: string;
  adapters: AdapterChoice[];
  layers: string[];
  ranks: number[];
}

export interface AnalyzeResult {
  status: 'finished' | 'stopped';
  layers: ({ key: string } & LayerAnalysis)[];
  /** What of the adapters is not looked into: sentences. */
  notes: string[];
}

export async function analyzeTask(
  { model, adapters, layers, ranks }: AnalyzeSettings,
  onEvent: (event: { done: number; total: number }) => void,
  stopRequested: () => boolean,
): Promise<AnalyzeResult> {
  const unet = await loadUNet(model);
  const source = networkSource(unet);
  const changed: AdaptedWeights[] = [];
  const notes: string[] = [];
  const reader = { model, unet: async () => unet, onNote: (text: string) => notes.push(text) };
  for (const use of await loadAdapters(adapters, reader))
    changed.push(await AdaptedWeights.open(source, [use], { model }));
  const filter = keyFilter(layers, unet.parameters.keys());
  const keys = [...unet.parameters]
    .filter(([key, { shape }]) => shape.length > 1 && filter(key))
    .map(([key]) => key)
    .filter((key) => changed.every((weights) => weights.changed.includes(key)));
  if (keys.length === 0) {
    throw new InputError(
      `no matrix like ${layers.join(' or ')} is changed by every adapter; "sara inspect <adapter> --layers" lists what is`,
    );
  }
  const found: AnalyzeResult['layers'] = [];
  for (const [i, key] of keys.entries()) {
    if (stopRequested()) return { status: 'stopped', layers: found, notes };
    const { shape, data } = asFloat32(unet.parameters.get(key)!);
    const rows = shape[0]!;
    const columns = sizeOf(shape.slice(1));
    const changes: Dense[] = [];
    for (const weights of changed) changes.push(asDense(await weights.change(key), rows, columns));
    found.push({ key, ...(await analyzeLayer(dense(rows, columns, data), changes, ranks)) });
    onEvent({ done: i + 1, total: keys.length });
  }
  return { status: 'finished', layers: found, notes };
}

function asDense({ positions, values }: WeightDelta, rows: number, columns: number): Dense {
  if (!positions) return dense(rows, columns, values);
  const data = new Float64Array(rows * columns);
  positions.forEach((at, i) => {
    data[at] = values[i]!;
  });
  return { rows, columns, data };
}
