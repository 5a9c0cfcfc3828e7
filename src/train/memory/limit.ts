/** How much memory a process may take on this machine. */
import { existsSync, readFileSync } from 'node:fs';
import { totalmem } from 'node:os';

/** Where Linux keeps the limit of a container: control groups, version 2 and 1. */
const LIMITS = ['/sys/fs/cgroup/memory.max', '/sys/fs/cgroup/memory/memory.limit_in_bytes'];

/** The machine's memory, or the container's limit where that is less. */
export function memoryLimit(files: readonly string[] = LIMITS): number {
  return Math.min(totalmem(), ...files.map(limitIn));
}

function limitIn(file: string): number {
  const limit = existsSync(file) ? Number(readFileSync(file, 'utf8')) : Number.NaN;
  return limit > 0 ? limit : Number.POSITIVE_INFINITY;
}
