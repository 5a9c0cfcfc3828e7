/** One process at a time in a run folder: a file that names the process, taken over where that process is gone. */
import { readFile, rm, writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { InputError } from '../errors.js';
import { fileError } from '../formats/index.js';

export const LOCK = 'run.lock';

interface Holder {
  pid: number;
  host: string;
  /** When the process started, in the system's own count, so that a later process of the same number is not taken for it. */
  started: string | undefined;
}

export interface Lock {
  release(): Promise<void>;
}

/** A living process holds the folder. */
export class InUseError extends InputError {
  override readonly name = 'InUseError';
}

/** Throws InUseError where a living process holds the folder. */
export async function lockFolder(folder: string): Promise<Lock> {
  const path = join(folder, LOCK);
  const own: Holder = { pid: process.pid, host: hostname(), started: await startOf(process.pid) };
  for (;;) {
    try {
      await writeFile(path, JSON.stringify(own), { flag: 'wx' });
      return { release: () => rm(path, { force: true }) };
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw fileError('write', path, error);
    }
    const holder = await readHolder(path);
    if (holder && (await lives(holder))) {
      throw new InUseError(
        `${folder} is in use by process ${holder.pid} on ${holder.host}; wait for it, stop it, or name another folder with --out (if that process is gone, remove ${path})`,
      );
    }
    await rm(path, { force: true });
  }
}

async function readHolder(path: string): Promise<Holder | undefined> {
  try {
    return JSON.parse(await readFile(path, 'utf8')) as Holder;
  } catch {
    return undefined;
  }
}

async function lives({ pid, host, started }: Holder): Promise<boolean> {
  if (host !== hostname()) return true;
  try {
    process.kill(pid, 0);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ESRCH') return false;
  }
  return (await startOf(pid)) === started;
}

/** The process's start in clock ticks since boot, where the system tells (Linux). */
async function startOf(pid: number): Promise<string | undefined> {
  try {
    const stat = await readFile(`/proc/${pid}/stat`, 'utf8');
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19];
  } catch {
    return undefined;
  }
}
