/** One measurement in a process of its own: `tsx bench/measure.ts` with a request on standard input prints a line of JSON. */
import { readFileSync } from 'node:fs';
import { text } from 'node:stream/consumers';
import type { OursRequest } from './children.js';
import { caseOf, SIZES } from './sizes.js';
import { WORKS } from './works.js';

const { size, point, work, ...options } = JSON.parse(await text(process.stdin)) as OursRequest;
const of = caseOf(SIZES[size], point);
const started = performance.now();
const { facts, times, parts, warmUp = of.warmUp, steps = of.steps } = await WORKS[work]!(of, options);
const made = (performance.now() - started) / 1000;
const all = await times(warmUp + steps);
const afterFirst = all.slice(1).reduce((sum, seconds) => sum + seconds, 0);
const firstStepAt = Date.now() - 1000 * afterFirst;
const measured = parts && { parts: await parts() };
console.log(
  JSON.stringify({
    seconds: all.slice(warmUp),
    warmUpSeconds: all.slice(0, warmUp),
    setUpSeconds: made + all.slice(0, warmUp).reduce((sum, seconds) => sum + seconds, 0),
    firstStepAt,
    peakBytes: peakBytes(),
    ...facts,
    ...measured,
  }),
);

/** The largest resident set of this process so far. */
function peakBytes(): number {
  const kilobytes = /^VmHWM:\s+(\d+) kB$/m.exec(readFileSync('/proc/self/status', 'utf8'));
  return Number(kilobytes![1]) * 1024;
}
