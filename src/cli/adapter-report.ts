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
  /** Whether the tensors are parameters that the method adds, rather than changes of weights. */
  added: boolean;
  /** Changed entries, or added parameters. */
  entries: number;
  layers: { key: string; entries: number; largest: number; meanSquareRoot: number }[];
}

const DELTA = 'delta.';

export async function adapterReport(path: string): Promise<AdapterReport> {
  const { method, base, threshold, prefix, settings, scale, tensors } = await loadAdapter(path);
  const added = METHODS[method].addition !== undefined;
  const layers = [...tensors]
    .filter(([name, { shape }]) => (added ? shape.length > 0 : name.startsWith(DELTA)))
    .map(([name, stored]) => {
      const values = toFloat32(stored).map((value) => (added ? value : value * scale));
      const squares = values.reduce((sum, value) => sum + value * value, 0);
      return {
        key: added ? name : name.slice(DELTA.length),
        entries: sizeOf(stored.shape),
        largest: values.reduce((most, value) => Math.max(most, Math.abs(value)), 0),
        meanSquareRoot: Math.sqrt(squares / values.length),
      };
    });
  const entries = layers.reduce((sum, layer) => sum + layer.entries, 0);
  const { size } = await stat(path);
  return { method, base, threshold, prefix, settings, bytes: size, added, entries, layers };
}

export function describeAdapter(report: AdapterReport, perLayer: boolean): string {
  const { method, base, threshold, prefix, added, entries, layers } = report;
  const rows = [
    ['method', method],
    ['base', `${base.network} of ${base.model} (${base.fingerprint.slice(0, 'sha256:'.length + 12)})`],
    ...(threshold === undefined ? [] : [['threshold', String(threshold)]]),
    ...(prefix === '' ? [] : [['prefix', JSON.stringify(prefix)]]),
    [
      added ? 'adds' : 'changes',
      `${thousands(entries)} ${added ? 'parameters' : 'weights'} in ${layers.length} tensors`,
    ],
    [
      'size',
      `${bytes(report.bytes)}, ${(report.bytes / Math.max(1, entries)).toFixed(2)} bytes ${added ? 'a parameter' : 'a changed weight'}`,
    ],
    ...Object.entries(report.settings).map(([name, value]) => [name, JSON.stringify(value)]),
  ];
  const width = Math.max(...rows.map(([name]) => name!.length));
  const text = rows.map(([name, value]) => `${name!.padEnd(width)}  ${value}`).join('\n');
  if (!perLayer) return text;
  const head = ['key', added ? 'added' : 'changed', 'largest', 'root mean square'];
  const body = layers.map((layer) => [
    layer.key,
    thousands(layer.entries),
    layer.largest.toExponential(2),
    layer.meanSquareRoot.toExponential(2),
  ]);
  return `${text}\n\n${table([head, ...body])}`;
}
