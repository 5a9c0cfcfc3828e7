/** How threads share a job: a countdown of its items in shared memory, from which each thread claims one after the other. */

/** Byte addresses of the counters, each in a cache line of its own, of the kernel's number and of its parameters. */
const REMAINING: usize = 0;
const UNFINISHED: usize = 64;
const GENERATION: usize = 128;
const KERNEL: usize = 192;
const PARAMETERS: usize = 256;

/** How often a thread looks for work, or for the end of the others' work, before it sleeps: about 50 µs. */
const LOOKS: i32 = 10_000;

/** Number of the current job's kernel. */
export function kernel(): i32 {
  return load<i32>(KERNEL);
}

/** Parameter `i` of the current job. */
export function parameter(i: usize): i32 {
  return load<i32>(PARAMETERS + (i << 2));
}

/** Opens a job whose kernel and parameters are stored, and wakes the sleeping threads. */
export function post(items: i32): void {
  atomic.store<i32>(UNFINISHED, items);
  atomic.store<i32>(REMAINING, items);
  atomic.add<i32>(GENERATION, 1);
  atomic.notify(GENERATION, -1);
}

/** Claims an item of the job: its number, or −1 where none is left. A countdown cannot mistake an old job for a new one. */
export function claim(): i32 {
  if (atomic.load<i32>(REMAINING) <= 0) return -1;
  return atomic.sub<i32>(REMAINING, 1) - 1;
}

/** Tells that a claimed item is done. */
export function finish(): void {
  if (atomic.sub<i32>(UNFINISHED, 1) === 1) atomic.notify(UNFINISHED, 1);
}

/** Returns when a job was opened since generation `seen`; the generation then. */
export function awaitJob(seen: i32): i32 {
  for (let i = 0; i < LOOKS; i++) if (atomic.load<i32>(GENERATION) !== seen) break;
  atomic.wait<i32>(GENERATION, seen, -1);
  return atomic.load<i32>(GENERATION);
}

/** Returns when every item of the job is done. */
export function awaitEnd(): void {
  for (let i = 0; i < LOOKS; i++) if (atomic.load<i32>(UNFINISHED) === 0) return;
  for (;;) {
    const left = atomic.load<i32>(UNFINISHED);
    if (left === 0) return;
    atomic.wait<i32>(UNFINISHED, left, 1_000_000);
  }
}
