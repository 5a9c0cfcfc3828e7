/** What an adapter file holds, in numbers and in words. */
import { stat } from 'node:fs/promises';
import { loadAdapter, METHODS } from '../peft/index.js';
import { sizeOf, toFloat32 } from '../tensor/index.js';
import { bytes, table, thousands } from './text.js';

export interface AdapterReport {
  method: string;
  base: { network: string; model: string; fingerprint: string };
  threshold: number | undefined;
  prefix: string;
  settings: Readonly<Record<string, unknown>>;
  bytes: number;
  /** Whether it adds parameters, and holds no changes of weights. */
  adds: boolean;
  /** Changed entries, or added parameters. */
  entries: number;
  layers: { key: string; entries: number; largest: number; meanSquareRoot: number }[];
}

const DELTA = 'delta.';

export async function adapterReport(path: string): Promise<AdapterReport> {
  const { method, base, threshold, prefix, settings, scale, tensors } = await loadAdapter(path);
  const adds = METHODS[method].addition !== undefined;
  // Constants of modules, such as alpha, are scalars.
  const layers = [...tensors]
    .filter(([name, { shape }]) => (adds ? shape.length > 0 : name.startsWith(DELTA)))
    .map(([name, stored]) => {
      const values = toFloat32(stored).map((value) => (adds ? value : value * scale));
      const squares = values.reduce((sum, value) => sum + value * value, 0);
      return {
        key: adds ? name : name.slice(DELTA.length),
        entries: sizeOf(stored.shape),
        largest: values.reduce((most, value) => Math.max(most, Math.abs(value)), 0),
        meanSquareRoot: Math.sqrt(squares / values.length),
      };
    });
  const entries = layers.reduce((sum, layer) => sum + layer.entries, 0);
  return { method, base, threshold, prefix, settings, adds, bytes: (await stat(path)).size, entries, layers };
}

export function describeAdapter(report: AdapterReport, perLayer: boolean): string {
  const { method, base, threshold, prefix, adds, entries, layers } = report;
  const what = adds ? 'parameter' : 'weight';
  const rows = [
    ['method', method],
    ['base', `${base.network} of ${base.model} (${base.fingerprint.slice(0, 'sha256:'.length + 12)})`],
    ...(threshold === undefined ? [] : [['threshold', String(threshold)]]),
    ...(prefix === '' ? [] : [['prefix', JSON.stringify(prefix)]]),
    [adds ? 'adds' : 'changes', `${thousands(entries)} ${what}s in ${layers.length} tensors`],
    [
      'size',
      `${bytes(report.bytes)}, ${(report.bytes / Math.max(1, entries)).toFixed(2)} bytes a ${adds ? what : `changed ${what}`}`,
    ],
    ...Object.entries(report.settings).map(([name, value]) => [name, JSON.stringify(value)]),
  ];
  const width = Math.max(...rows.map(([name]) => name!.length));
  const text = rows.map(([name, value]) => `${name!.padEnd(width)}  ${value}`).join('\n');
  if (!perLayer) return text;
  const head = ['key', adds ? 'parameters' : 'changed', 'largest', 'root mean square'];
  const body = layers.map((layer) => [
    layer.key,
    thousands(layer.entries),
    layer.largest.toExponential(2),
    layer.meanSquareRoot.toExponential(2),
  ]);
  return `${text}\n\n${table([head, ...body])}`;
}
