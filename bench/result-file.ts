/** The file of a size's results: each measurement is kept as soon as it is made, so that an interrupted run goes on. */
import { InputError } from '../src/errors.js';
import { exists, readText, writeFileAtomic } from '../src/formats/index.js';
import {
  type Cell,
  type CellResult,
  type Conditions,
  type Measurement,
  type Result,
  sameCell,
} from './result.js';

/** Measurements of earlier days are made anew where they are asked for again. */
const KEPT_HOURS = 24;

export class ResultFile {
  private constructor(
    readonly path: string,
    private current: Result,
  ) {}

  /** Goes on with a file, or begins it. Throws InputError where what is in it was measured under other conditions. */
  static async open(path: string, fresh: Result): Promise<ResultFile> {
    const before = (await exists(path)) ? (JSON.parse(await readText(path)) as Result) : undefined;
    if (!before) return new ResultFile(path, fresh);
    const difference = firstDifference(conditionsOf(before), conditionsOf(fresh));
    if (difference) {
      throw new InputError(
        `${path} was measured with ${difference}; name another folder with --results, or remove the file`,
      );
    }
    const versions = fresh.versions ?? before.versions;
    return new ResultFile(path, { ...fresh, versions, cells: before.cells });
  }

  get result(): Result {
    return this.current;
  }

  /** Forgets what is too old to be compared, or all that is known of these cells. */
  forget(cells: readonly Cell[], all: boolean): void {
    const oldest = all ? Number.POSITIVE_INFINITY : Date.now() - KEPT_HOURS * 3_600_000;
    for (const cell of cells) {
      const measurements = this.of(cell).measurements.filter(({ at }) => Date.parse(at) > oldest);
      this.put({ ...cell, measurements });
    }
  }

  /** How often the cell was measured. */
  count(cell: Cell): number {
    return this.of(cell).measurements.length;
  }

  add(cell: Cell, measurement: Measurement): Promise<void> {
    this.put({ ...cell, measurements: [...this.of(cell).measurements, measurement] });
    return this.save();
  }

  skip(cell: Cell, skipped: string): Promise<void> {
    this.put({ ...cell, measurements: this.of(cell).measurements, skipped });
    return this.save();
  }

  private of(cell: Cell): CellResult {
    return this.current.cells.find((other) => sameCell(other, cell)) ?? { ...cell, measurements: [] };
  }

  /** Cells without a measurement or a reason are not kept. */
  private put(cell: CellResult): void {
    const others = this.current.cells.filter((other) => !sameCell(other, cell));
    const known = cell.measurements.length > 0 || cell.skipped !== undefined;
    this.current = { ...this.current, cells: known ? [...others, cell] : others };
  }

  private save(): Promise<void> {
    return writeFileAtomic(this.path, `${JSON.stringify(this.current, undefined, 1)}\n`);
  }
}

function conditionsOf({ machine, threads, allocator }: Conditions): Record<string, unknown> {
  return { ...machine, threads, allocator };
}

function firstDifference(before: Record<string, unknown>, now: Record<string, unknown>): string | undefined {
  const name = Object.keys(now).find((key) => before[key] !== now[key]);
  return name && `${name} ${before[name]}, now it is ${now[name]}`;
}
