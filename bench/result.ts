/** What the benchmark found out about one size, as it is kept in bench/results. */
import type { Machine } from './machine.js';
import type { Point, SizeName } from './sizes.js';

export const SIDES = ['ours', 'pytorch'] as const;
/** This library, or its peers in PyTorch. */
export type Side = (typeof SIDES)[number];

/** One thing that is measured, in processes of its own. */
export interface Cell extends Point {
  readonly side: Side;
  readonly work: string;
}

/** What one process measured. */
export interface Measurement {
  /** When it ended, as ISO 8601. */
  readonly at: string;
  /** Each timed step. */
  readonly seconds: readonly number[];
  /** Steps before those. */
  readonly warmUpSeconds: readonly number[];
  /** From the start of the process's work to the end of the warm-up. */
  readonly setUpSeconds: number;
  /** From the start of the process to the end of its first step, the interpreter's own start included. */
  readonly firstStepSeconds?: number;
  /** Largest resident set of the process. */
  readonly peakBytes: number;
  readonly parameters?: number;
  readonly trained?: number;
  /** Of one step. */
  readonly flops?: number;
  /** What `sara train` would tell of the peak beforehand. */
  readonly toldBytes?: number;
  /** How often each step stands for one of its kind. */
  readonly weights?: readonly number[];
  /** Seconds of other things, by name. */
  readonly parts?: Readonly<Record<string, number>>;
}

export interface CellResult extends Cell {
  readonly measurements: readonly Measurement[];
  /** Why there are none. */
  readonly skipped?: string;
}

export interface PythonVersions {
  readonly python: string;
  readonly torch: string;
  readonly diffusers: string;
  readonly transformers?: string;
  readonly peft?: string;
}

/** What must be equal for measurements to be compared. */
export interface Conditions {
  readonly machine: Machine;
  readonly threads: number;
  readonly allocator: string;
}

export interface Result extends Conditions {
  readonly size: SizeName;
  readonly title: string;
  readonly versions?: PythonVersions | undefined;
  readonly unet: {
    readonly parameters: number;
    readonly threshold: number;
    readonly tokens: number;
    readonly loraRank: number;
  };
  /** Arithmetic of a forward pass at each point. */
  readonly points: readonly (Point & { readonly forwardFlops: number })[];
  readonly cells: readonly CellResult[];
}

export const sameCell = (a: Cell, b: Cell): boolean =>
  a.side === b.side && a.work === b.work && a.pixels === b.pixels && a.batch === b.batch;

/** The cell, where it was measured. */
export function measured(result: Result | undefined, cell: Cell): CellResult | undefined {
  return result?.cells.find((other) => sameCell(other, cell) && other.measurements.length > 0);
}

/** Every timed step of all its processes. */
export const allSeconds = ({ measurements }: CellResult): number[] =>
  measurements.flatMap(({ seconds }) => seconds);

/** The middle value; for works whose steps are different things, their mean by frequency. */
export function typicalSeconds(cell: CellResult): number {
  const [{ weights }] = cell.measurements as [Measurement];
  if (!weights) return median(allSeconds(cell));
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  return median(
    cell.measurements.map(({ seconds }) =>
      seconds.reduce((sum, value, i) => sum + (value * weights[i]!) / total, 0),
    ),
  );
}

/** The largest resident set of all its processes. */
export function peakBytes({ measurements }: CellResult): number {
  return Math.max(...measurements.map((measurement) => measurement.peakBytes));
}

/** The middle of what the processes have as `get`. */
export function typical({ measurements }: CellResult, get: (of: Measurement) => number): number {
  return median(measurements.map(get));
}

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  return (sorted[(sorted.length - 1) >> 1]! + sorted[sorted.length >> 1]!) / 2;
}
