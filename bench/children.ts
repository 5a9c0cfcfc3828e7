/** Runs each measurement in a process of its own, so that its peak memory is its own. */
import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { InputError } from '../src/errors.js';
import { tcmalloc } from './machine.js';
import type { Facts } from './works.js';

export interface Measurement extends Facts {
  /** Each timed step. */
  readonly seconds: readonly number[];
  /** From the start of the process's work to the end of the warm-up. */
  readonly setUpSeconds: number;
  /** Largest resident set of the process. */
  readonly peakBytes: number;
}

const pathOf = (file: string) => fileURLToPath(new URL(file, import.meta.url));

/** This library. */
export async function measureOurs(size: string, work: string, threads: number): Promise<Measurement> {
  const script = pathOf('measure.ts');
  const output = await run(
    process.execPath,
    ['--import', 'tsx', script, size, work, `${threads}`],
    '',
    threads,
  );
  return JSON.parse(output);
}

/** PyTorch; the size goes to standard input. */
export async function measureTheirs(
  python: string,
  size: object,
  work: string,
  threads: number,
): Promise<Measurement> {
  const script = pathOf('pytorch/measure.py');
  return JSON.parse(await run(python, [script, work, `${threads}`], JSON.stringify(size), threads));
}

export interface PythonVersions {
  readonly python: string;
  readonly torch: string;
  readonly diffusers: string;
}

/** The versions that a Python has; undefined where it lacks PyTorch or diffusers. */
export async function pythonVersions(python: string): Promise<PythonVersions | undefined> {
  try {
    return JSON.parse(await run(python, [pathOf('pytorch/versions.py')], '', 1));
  } catch {
    return undefined;
  }
}

/** The last line that the program writes. */
function run(command: string, args: readonly string[], input: string, threads: number): Promise<string> {
  const allocator = tcmalloc();
  const env = {
    ...process.env,
    OMP_NUM_THREADS: `${threads}`,
    PYTHONDONTWRITEBYTECODE: '1',
    ...(allocator && { LD_PRELOAD: allocator }),
  };
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { env });
    let [output, errors] = ['', ''];
    child.stdout.on('data', (data) => {
      output += data;
    });
    child.stderr.on('data', (data) => {
      errors += data;
    });
    child.on('error', reject);
    child.on('close', (code, signal) => {
      if (code === 0) resolve(output.trimEnd().split('\n').at(-1)!);
      else
        reject(
          new InputError(
            `${args.slice(0, 4).join(' ')} ended with ${signal ?? code}: ${errors.slice(-2000)}`,
          ),
        );
    });
    child.stdin.on('error', () => undefined);
    child.stdin.end(input);
  });
}
