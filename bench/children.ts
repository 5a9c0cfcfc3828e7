/** Runs each measurement in a process of its own, so that its peak memory is its own. */
import { spawn } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { InputError } from '../src/errors.js';
import { tcmalloc } from './machine.js';
import type { Measurement, PythonVersions } from './result.js';
import type { Point, SizeName } from './sizes.js';

/** What bench/measure.ts reads. */
export interface OursRequest {
  readonly size: SizeName;
  readonly point: Point;
  readonly work: string;
  readonly threads: number;
  /** A UNet's folder, for works that start from one. */
  readonly checkpoint: string;
}

/** Longer than the slowest measurement takes on two cores. */
const LONGEST_MINUTES = 40;
/** The end of what a process complained about. */
const COMPLAINT = 600;

const pathOf = (file: string) => fileURLToPath(new URL(file, import.meta.url));

/** This library. Throws InputError, which says why, where it cannot be measured. */
export function measureOurs(request: OursRequest, allocator = tcmalloc()): Promise<Measurement> {
  const { threads } = request;
  return measure(process.execPath, ['--import', 'tsx', pathOf('measure.ts')], request, threads, allocator);
}

/** PyTorch; `size` is what bench/pytorch/works.py reads. */
export function measureTheirs(
  python: string,
  work: string,
  size: object,
  threads: number,
): Promise<Measurement> {
  return measure(python, [pathOf('pytorch/measure.py'), work, `${threads}`], size, threads, tcmalloc());
}

/** The versions that a Python has; undefined where it lacks PyTorch or diffusers. */
export async function pythonVersions(python: string): Promise<PythonVersions | undefined> {
  try {
    return JSON.parse(await run(python, [pathOf('pytorch/versions.py')], '', 1));
  } catch {
    return undefined;
  }
}

async function measure(
  command: string,
  args: readonly string[],
  request: object,
  threads: number,
  allocator: string | undefined,
): Promise<Measurement> {
  const started = Date.now();
  const output = await run(command, args, JSON.stringify(request), threads, allocator);
  const { firstStepAt, ...measurement } = JSON.parse(output) as Omit<Measurement, 'at'> & {
    firstStepAt: number;
  };
  return {
    at: new Date().toISOString(),
    ...measurement,
    firstStepSeconds: (firstStepAt - started) / 1000,
  };
}

/** The last line that the program writes. */
function run(
  command: string,
  args: readonly string[],
  input: string,
  threads: number,
  allocator?: string,
): Promise<string> {
  const env = {
    ...process.env,
    OMP_NUM_THREADS: `${threads}`,
    PYTHONDONTWRITEBYTECODE: '1',
    ...(allocator && { LD_PRELOAD: allocator }),
  };
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { env, timeout: LONGEST_MINUTES * 60_000, killSignal: 'SIGKILL' });
    if (child.pid !== undefined) sacrifice(child.pid);
    let [output, errors] = ['', ''];
    child.stdout.on('data', (data) => {
      output += data;
    });
    child.stderr.on('data', (data) => {
      errors = (errors + data).slice(-COMPLAINT);
    });
    child.on('error', reject);
    child.on('close', (code, signal) => {
      if (code === 0) resolve(output.trimEnd().split('\n').at(-1)!);
      else reject(new InputError(reasonOf(code, signal, errors, child.killed)));
    });
    child.stdin.on('error', () => undefined);
    child.stdin.end(input);
  });
}

/** Where memory runs out, the system ends this process rather than another one. */
function sacrifice(pid: number): void {
  try {
    writeFileSync(`/proc/${pid}/oom_score_adj`, '1000');
  } catch {
    // The process has ended already, or the system has no such setting.
  }
}

function reasonOf(code: number | null, signal: string | null, errors: string, late: boolean): string {
  if (late) return `did not end within ${LONGEST_MINUTES} minutes`;
  if (signal === 'SIGKILL') return 'was ended by the system, most likely since memory ran out';
  return `ended with ${signal ?? code}: ${errors.trim().split('\n').slice(-3).join(' ')}`;
}
