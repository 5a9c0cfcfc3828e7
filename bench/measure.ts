/** One measurement in a process of its own: `tsx bench/measure.ts <size> <work> <threads>` prints a line of JSON. */
import { readFileSync } from 'node:fs';
import { runSteps } from './run-steps.js';
import { SIZES, type SizeName } from './sizes.js';
import { WORKS, type Work, type WorkName } from './works.js';

const [size, work, threads] = process.argv.slice(2) as [SizeName, WorkName, string];
const started = performance.now();
const { facts, step, ...counts } = (await WORKS[work](SIZES[size], { threads: Number(threads) })) as Work;
const { seconds, setUpSeconds } = await runSteps(step, { ...SIZES[size], ...counts }, started);
console.log(JSON.stringify({ seconds, setUpSeconds, peakBytes: peakBytes(), ...facts }));

/** The largest resident set of this process so far. */
function peakBytes(): number {
  const kilobytes = /^VmHWM:\s+(\d+) kB$/m.exec(readFileSync('/proc/self/status', 'utf8'));
  return Number(kilobytes![1]) * 1024;
}
