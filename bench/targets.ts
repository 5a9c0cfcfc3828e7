/** The targets of time and memory: what was aimed at, what was measured, and by how much it is met or missed. */
import { pictureSeconds } from './pictures.js';
import { measured, median, peakBytes, type Result, type Side, typical, typicalSeconds } from './result.js';
import type { Point } from './sizes.js';

export interface Target {
  readonly aim: string;
  /** The value must be at most this, or at least, where `atLeast`. */
  readonly limit: number;
  readonly atLeast?: boolean;
  readonly unit: '×' | 'GB' | 's';
  /** Undefined where it was not measured. */
  readonly value: number | undefined;
}

/** Results by size, as far as they were measured. */
export interface Findings {
  readonly sd15?: Result | undefined;
  readonly sdxl?: Result | undefined;
}

const MAIN = { pixels: 256, batch: 1 };
const LARGE = { pixels: 512, batch: 1 };

export function targetsOf({ sd15, sdxl }: Findings): Target[] {
  const memory = (result: Result | undefined, point: Point, work: string) =>
    gigabytes(result, { side: 'ours', work, ...point });
  return [
    ...timeTargets(sd15, MAIN),
    ...memoryTargets('peak memory at 256 px', 4.2, (work) => memory(sd15, MAIN, `sara${work}`)),
    ...memoryTargets('peak memory at 256 px, weights kept in float16', 2.7, (work) =>
      memory(sd15, MAIN, `sara-half${work}`),
    ),
    ...timeTargets(sd15, LARGE),
    ...memoryTargets('peak memory at 512 px', 6, (work) => memory(sd15, LARGE, `sara${work}`)),
    {
      ...{ aim: 'SD XL at 512 px, peak memory', limit: 12, unit: 'GB' },
      value: least(memory(sdxl, LARGE, 'sara-half'), memory(sdxl, LARGE, 'sara-half-checkpoint')),
    },
    {
      ...{ aim: 'drawing 20 steps at 512 px, time against diffusers', limit: 1, unit: '×' },
      value: ratio(pictures(sd15, 'ours'), pictures(sd15, 'pytorch')),
    },
    {
      ...{ aim: 'applying, scaling or switching an adapter of 50M entries', limit: 0.3, unit: 's' },
      value: adapterSeconds(sd15),
    },
  ];
}

/** In the fastest form, and in the one that takes less. */
function memoryTargets(aim: string, limit: number, of: (form: string) => number | undefined): Target[] {
  return [
    { aim, limit, unit: 'GB', value: of('') },
    { aim: `${aim}, blocks recomputed`, limit, unit: 'GB', value: of('-checkpoint') },
  ];
}

function timeTargets(result: Result | undefined, point: Point): Target[] {
  const seconds = (side: Side, work: string) => {
    const cell = measured(result, { side, work, ...point });
    return cell && typicalSeconds(cell);
  };
  const ours = seconds('ours', 'sara');
  const at = `at ${point.pixels} px`;
  return [
    {
      ...{ aim: `speed ${at} over the official SaRA`, limit: 4, atLeast: true, unit: '×' },
      value: ratio(seconds('pytorch', 'official'), ours),
    },
    {
      ...{ aim: `time ${at} against LoRA (PEFT, r = 100)`, limit: 1, unit: '×' },
      value: ratio(ours, seconds('pytorch', 'lora')),
    },
    {
      ...{ aim: `time ${at} against the arithmetic limit`, limit: 1.5, unit: '×' },
      value: ratio(ours, result && arithmeticLimit(result, point)),
    },
  ];
}

/** Of applying, changing the scale and switching, what takes longest. */
function adapterSeconds(result: Result | undefined): number | undefined {
  const cell = measured(result, { side: 'ours', work: 'adapters', ...MAIN });
  if (!cell) return undefined;
  const parts = typical(cell, ({ parts }) => Math.max(parts!.apply!, parts!.switch!));
  return Math.max(parts, typicalSeconds(cell));
}

function gigabytes(result: Result | undefined, cell: Parameters<typeof measured>[1]): number | undefined {
  const found = measured(result, cell);
  return found && peakBytes(found) / 1e9;
}

function pictures(result: Result | undefined, side: Side): number | undefined {
  const cell = measured(result, { side, work: 'sample', ...LARGE });
  return cell && pictureSeconds(cell);
}

const ratio = (a: number | undefined, b: number | undefined): number | undefined =>
  a === undefined || b === undefined ? undefined : a / b;

function least(...values: readonly (number | undefined)[]): number | undefined {
  const known = values.filter((value) => value !== undefined);
  return known.length === 0 ? undefined : Math.min(...known);
}

/** Floating-point operations a second of a large matrix product. */
export function gemmRate(result: Result, side: Side): number | undefined {
  const cells = result.cells.filter((cell) => cell.side === side && cell.work === 'gemm');
  const rates = cells.flatMap(({ measurements }) =>
    measurements.map(({ flops, seconds }) => flops! / median(seconds)),
  );
  return rates.length === 0 ? undefined : median(rates);
}

export function forwardFlops(result: Result, { pixels, batch }: Point): number | undefined {
  return result.points.find((point) => point.pixels === pixels && point.batch === batch)?.forwardFlops;
}

/** Seconds of two dense passes, forward and back to the inputs, at the better rate of both sides. */
export function arithmeticLimit(result: Result, point: Point): number | undefined {
  const rate = Math.max(gemmRate(result, 'ours') ?? 0, gemmRate(result, 'pytorch') ?? 0);
  const flops = forwardFlops(result, point);
  return rate === 0 || flops === undefined ? undefined : (2 * flops) / rate;
}

/** The targets as a Markdown table. */
export function targetTable(findings: Findings): string {
  const rows = targetsOf(findings).map((target) => {
    const bound = `${target.atLeast ? 'at least' : 'at most'} ${target.limit} ${target.unit}`;
    const value = target.value === undefined ? 'not measured' : `${target.value.toFixed(2)} ${target.unit}`;
    return `| ${target.aim} | ${bound} | ${value} | ${verdict(target)} |`;
  });
  return [
    '| Stable Diffusion 1.5, batch 1, 50M trained entries | target | measured | |',
    '|---|---|---|---|',
    ...rows,
  ].join('\n');
}

function verdict({ value, limit, atLeast = false }: Target): string {
  if (value === undefined) return '–';
  const margin = atLeast ? value / limit - 1 : 1 - value / limit;
  const percent = `${Math.abs(100 * margin).toFixed(0)} %`;
  return margin >= 0 ? `met, by ${percent}` : `**missed** by ${percent}`;
}
