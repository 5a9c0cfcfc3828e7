/** A result as a Markdown table, and its place in a document. */
import { InputError } from '../src/errors.js';
import type { Measurement } from './children.js';
import type { Result } from './result.js';

/** The middle value; for works that measure different things one after another, their mean by frequency. */
export function typicalSeconds({ seconds, weights }: Measurement): number {
  if (weights) {
    const total = weights.reduce((sum, weight) => sum + weight, 0);
    return seconds.reduce((sum, value, i) => sum + value * weights[i]!, 0) / total;
  }
  const sorted = seconds.toSorted((a, b) => a - b);
  return (sorted[(sorted.length - 1) >> 1]! + sorted[sorted.length >> 1]!) / 2;
}

/** Matrix products a second, in GFLOP/s. */
function rateOf({ flops, ...measurement }: Measurement): number {
  return flops! / typicalSeconds(measurement) / 1e9;
}

export function toMarkdown(result: Result): string {
  const { title, date, machine, versions, threads, allocator, unet, rows } = result;
  const pytorch = versions
    ? `PyTorch ${versions.torch}, diffusers ${versions.diffusers}, Python ${versions.python}`
    : 'no PyTorch';
  const lines = [
    `### ${title[0]!.toUpperCase()}${title.slice(1)}`,
    '',
    `Measured on ${date}: ${machine.processor}, ${machine.cores} cores, ${machine.memoryGiB} GiB, ${machine.platform}; ` +
      `${threads} threads; ${allocator}; Node ${machine.node}, ONNX Runtime ${machine.onnxruntime}; ${pytorch}.`,
    `UNet of ${millions(unet.parameters)} weights, batch ${unet.batch}, latents ${unet.latents.join('×')}, ` +
      `${unet.tokens} tokens; SaRA trains ${millions(unet.trained)} entries (θ = ${unet.threshold}).`,
    '',
    '| | ours: seconds (min–max) | peak memory | PyTorch: seconds (min–max) | peak memory | time, ours / PyTorch | memory, ours / PyTorch |',
    '|---|---|---|---|---|---|---|',
  ];
  const absent = versions ? '–' : 'not measured: no PyTorch';
  for (const { title: name, ours, pytorch: theirs } of rows) {
    const ratio = (of: (measurement: Measurement) => number) =>
      ours && theirs ? (of(ours) / of(theirs)).toFixed(2) : '–';
    const cells = [
      ...columns(ours, '–'),
      ...columns(theirs, absent),
      ratio(typicalSeconds),
      ratio((m) => m.peakBytes),
    ];
    lines.push(`| ${name} | ${cells.join(' | ')} |`);
  }
  return [...lines, '', ...arithmetic(result)].join('\n');
}

function columns(measurement: Measurement | undefined, absent: string): string[] {
  if (!measurement) return [absent, '–'];
  const { seconds, weights, peakBytes } = measurement;
  const range = `${digits(Math.min(...seconds))}–${digits(Math.max(...seconds))}`;
  const what = weights ? `${range} by shape` : range;
  return [`${digits(typicalSeconds(measurement))} (${what})`, `${(peakBytes / 1e9).toFixed(2)} GB`];
}

/** What the machine's matrix products allow. */
function arithmetic({ rows }: Result): string[] {
  const find = (work: string) => rows.find((row) => row.work === work);
  const gemm = find('gemm');
  const flops = find('forward')?.ours?.flops;
  if (!gemm?.ours || !flops) return [];
  const rates = [`${rateOf(gemm.ours).toFixed(0)} GFLOP/s in ONNX Runtime`];
  if (gemm.pytorch) rates.push(`${rateOf(gemm.pytorch).toFixed(0)} in PyTorch`);
  const best = Math.max(rateOf(gemm.ours), gemm.pytorch ? rateOf(gemm.pytorch) : 0) * 1e9;
  const limit = (passes: number) => `${digits((passes * flops) / best)} s`;
  return [
    `Matrix products of 2048×2048 run at ${rates.join(' and ')}. The forward pass is ${(flops / 1e9).toFixed(0)} GFLOP, ` +
      `so at the better of these rates it takes at least ${limit(1)}, a step that computes every weight's gradient ` +
      `${limit(3)}, and one that computes none of the gradients it does not need ${limit(2)}.`,
    '',
  ];
}

function digits(seconds: number): string {
  return seconds >= 10 ? seconds.toFixed(1) : seconds.toPrecision(3);
}

function millions(count: number): string {
  return count >= 1e6 ? `${(count / 1e6).toFixed(1)}M` : `${(count / 1e3).toFixed(0)}k`;
}

/** The document with what stands between the marks of this name replaced. */
export function insertBetweenMarks(document: string, name: string, text: string): string {
  const [start, end] = [`<!-- bench:${name} -->`, `<!-- /bench:${name} -->`];
  const [from, to] = [document.indexOf(start), document.indexOf(end)];
  if (from < 0 || to < from) {
    throw new InputError(
      `docs/performance.md lacks the marks ${start} and ${end}; put them where the table belongs`,
    );
  }
  return `${document.slice(0, from + start.length)}\n${text}\n${document.slice(to)}`;
}
