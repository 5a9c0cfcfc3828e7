/** What is measured where: the rows of the benchmark, and the order of its measurements. */
import type { Cell, Side } from './result.js';
import { type Point, SIZES, type Size, type SizeName } from './sizes.js';

interface Row {
  readonly work: string;
  readonly title: string;
  readonly sides: readonly Side[];
  /** At which points: the size's first one, all of them, or where it draws pictures. */
  readonly at: 'first' | 'every' | 'sample';
  /** Whether this is measured of models whose other rows would not fit. */
  readonly large?: boolean;
}

const OURS = ['ours'] as const;
const PYTORCH = ['pytorch'] as const;
const BOTH = ['ours', 'pytorch'] as const;

/** Peers stand beside what they are compared with, so that the machine is in the same mood for both. */
export const ROWS: readonly Row[] = [
  { work: 'gemm', title: 'matrix product 2048×2048', sides: BOTH, at: 'first' },
  { work: 'forward', title: 'forward pass, no gradient', sides: BOTH, at: 'first' },
  { work: 'sara', title: 'SaRA', sides: OURS, at: 'every' },
  { work: 'official', title: 'official SaRA, unstructured', sides: PYTORCH, at: 'every' },
  { work: 'sara-half', title: 'SaRA, weights in float16', sides: OURS, at: 'every', large: true },
  { work: 'lora', title: 'LoRA (PEFT)', sides: PYTORCH, at: 'every' },
  { work: 'sara-checkpoint', title: 'SaRA, blocks recomputed', sides: OURS, at: 'every' },
  { work: 'lt-sft', title: 'LT-SFT, masked dense', sides: PYTORCH, at: 'every' },
  {
    ...{ work: 'sara-half-checkpoint', title: 'SaRA, float16 and blocks recomputed' },
    ...{ sides: OURS, at: 'every', large: true },
  },
  { work: 'sara-system', title: "SaRA, the system's allocator", sides: OURS, at: 'first' },
  { work: 'sara', title: 'SaRA, unstructured, written anew', sides: PYTORCH, at: 'first' },
  { work: 'official-dense', title: 'official SaRA, dense', sides: PYTORCH, at: 'first' },
  { work: 'full', title: 'full fine-tuning, AdamW', sides: BOTH, at: 'first' },
  { work: 'rank', title: 'rank loss of one matrix, mean over the draw', sides: BOTH, at: 'first' },
  { work: 'adapters', title: 'changing the scale of an adapter', sides: OURS, at: 'first' },
  { work: 'sample', title: 'a sampler step with guidance', sides: BOTH, at: 'sample' },
  { work: 'start-sara', title: 'start of SaRA from a checkpoint', sides: OURS, at: 'first' },
  { work: 'start-official', title: 'start of official SaRA', sides: PYTORCH, at: 'first' },
  { work: 'start-lora', title: 'start of LoRA (PEFT)', sides: PYTORCH, at: 'first' },
];

export const WORK_NAMES = [...new Set(ROWS.map(({ work }) => work))];

export function titleOf({ side, work }: Pick<Cell, 'side' | 'work'>): string {
  return ROWS.find((row) => row.work === work && row.sides.includes(side))!.title;
}

export interface Selection {
  readonly only?: readonly string[] | undefined;
  readonly side?: Side | undefined;
  readonly batch?: readonly number[] | undefined;
  readonly pixels?: readonly number[] | undefined;
}

/** The cells of a size that are asked for, point by point. */
export function cellsOf(name: SizeName, selection: Selection = {}): Cell[] {
  const size: Size = SIZES[name];
  const wanted = (list: readonly unknown[] | undefined, value: unknown) => list?.includes(value) ?? true;
  return points(size)
    .filter(({ batch, pixels }) => wanted(selection.batch, batch) && wanted(selection.pixels, pixels))
    .flatMap((point) =>
      ROWS.filter((row) => wanted(selection.only, row.work) && isAt(size, row, point))
        .filter(({ large = false }) => name !== 'sdxl' || large)
        .flatMap(({ work, sides }) => sides.map((side): Cell => ({ side, work, ...point })))
        .filter(({ side }) => selection.side === undefined || side === selection.side),
    );
}

/** Rounds of all cells, every other one backwards: whatever the machine does over time meets all cells alike. */
export function interleaved(cells: readonly Cell[], rounds: number): Cell[] {
  return Array.from({ length: rounds }, (_, round) => (round % 2 === 0 ? cells : cells.toReversed())).flat();
}

const same = (a: Point, b: Point | undefined): boolean => a.pixels === b?.pixels && a.batch === b.batch;

function points({ points, sampleAt }: Size): Point[] {
  return sampleAt && !points.some((point) => same(point, sampleAt)) ? [...points, sampleAt] : [...points];
}

function isAt({ points, sampleAt }: Size, { at }: Row, point: Point): boolean {
  if (at === 'sample') return same(point, sampleAt);
  return at === 'first' ? same(point, points[0]) : points.some((other) => same(other, point));
}
