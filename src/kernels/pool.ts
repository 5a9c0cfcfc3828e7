/** Threads that share a WebAssembly memory and work on one job at a time, together with the thread that gives the jobs. */
import { once } from 'node:events';
import { availableParallelism } from 'node:os';
import { Worker } from 'node:worker_threads';
import { KERNELS } from './wasm.js';
import { type Memory, WebAssembly } from './webassembly.js';

/** The numbers that assembly/index.ts gives the kernels. */
export const KERNEL = { stop: 0, spreadRows: 1, phasePlanes: 2, transpose: 3, dots: 4 } as const;

/** Byte addresses in assembly/threads.ts, and the memory that each thread has for itself. */
const KERNEL_ADDRESS = 192;
const PARAMETERS_ADDRESS = 256;
const FIRST_SCRATCH = 4096;
const SCRATCH_BYTES = 65536;

const PAGE = 65536;
/** As in scripts/compile-kernels.ts; address space alone, memory is taken as it is used. */
const MOST_PAGES = 16384;

/** What a thread runs: a few lines of JavaScript, so that no file has to be found from sources and built package alike. */
const THREAD = `
const { module, memory, scratch } = require('node:worker_threads').workerData;
new WebAssembly.Instance(module, { env: { memory } }).exports.serve(scratch);
`;

interface Exports {
  open(items: number): void;
  join(scratch: number): void;
}

export class Pool {
  private constructor(
    private readonly memory: Memory,
    private readonly exports: Exports,
    private readonly workers: readonly Worker[],
    private readonly firstFree: number,
  ) {}

  /** A pool of `threads`, of which the calling thread is one. They do not keep the process alive. */
  static async create(threads = availableParallelism()): Promise<Pool> {
    const module = await WebAssembly.compile(Buffer.from(KERNELS, 'base64'));
    const firstFree = FIRST_SCRATCH + threads * SCRATCH_BYTES;
    const memory = new WebAssembly.Memory({
      initial: Math.ceil(firstFree / PAGE),
      maximum: MOST_PAGES,
      shared: true,
    });
    const { exports } = await WebAssembly.instantiate(module, { env: { memory } });
    const workers = Array.from({ length: threads - 1 }, (_, i) => {
      const workerData = { module, memory, scratch: FIRST_SCRATCH + (i + 1) * SCRATCH_BYTES };
      return new Worker(THREAD, { eval: true, workerData, execArgv: [] });
    });
    await Promise.all(workers.map((worker) => once(worker, 'online')));
    for (const worker of workers) worker.unref();
    return new Pool(memory, exports as Exports, workers, firstFree);
  }

  get threads(): number {
    return this.workers.length + 1;
  }

  /** Byte addresses of consecutive regions of these sizes, aligned to cache lines; what they held before is void. */
  allocate<const Sizes extends readonly number[]>(...sizes: Sizes): { [Key in keyof Sizes]: number } {
    let end = this.firstFree;
    const addresses = sizes.map((size) => {
      const address = end;
      end += Math.ceil(size / 64) * 64;
      return address;
    });
    const missing = end - this.memory.buffer.byteLength;
    if (missing > 0) this.memory.grow(Math.ceil(missing / PAGE));
    return addresses as { [Key in keyof Sizes]: number };
  }

  floats(address: number, length: number): Float32Array {
    return new Float32Array(this.memory.buffer, address, length);
  }

  integers(address: number, length: number): Int32Array {
    return new Int32Array(this.memory.buffer, address, length);
  }

  doubles(address: number, length: number): Float64Array {
    return new Float64Array(this.memory.buffer, address, length);
  }

  /** Lets the other threads begin with the items 0 … items − 1; `join` must follow before the next job. */
  open(kernel: number, items: number, parameters: readonly number[]): void {
    this.integers(KERNEL_ADDRESS, 1)[0] = kernel;
    this.integers(PARAMETERS_ADDRESS, parameters.length).set(parameters);
    this.exports.open(items);
  }

  /** Works too until the job is done. */
  join(): void {
    this.exports.join(FIRST_SCRATCH);
  }

  /** Ends the threads. */
  async dispose(): Promise<void> {
    const ended = this.workers.map((worker) => {
      worker.ref();
      return once(worker, 'exit');
    });
    this.open(KERNEL.stop, 0, []);
    await Promise.all(ended);
  }
}
