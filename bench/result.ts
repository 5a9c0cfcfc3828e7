/** What one run of the benchmark found out, as it is kept in bench/results. */
import type { Measurement, PythonVersions } from './children.js';
import type { Machine } from './machine.js';

export interface Row {
  readonly work: string;
  readonly title: string;
  readonly ours?: Measurement | undefined;
  readonly pytorch?: Measurement | undefined;
}

export interface Result {
  readonly size: string;
  readonly title: string;
  /** Day of the measurement. */
  readonly date: string;
  readonly machine: Machine;
  /** Absent where no PyTorch was there. */
  readonly versions?: PythonVersions | undefined;
  readonly threads: number;
  readonly allocator: string;
  readonly unet: {
    readonly parameters: number;
    readonly trained: number;
    readonly threshold: number;
    readonly batch: number;
    readonly latents: readonly number[];
    readonly tokens: number;
  };
  readonly rows: readonly Row[];
}
