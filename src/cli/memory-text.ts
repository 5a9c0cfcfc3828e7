/** What a run's memory is, in words. */
import type { RunEstimate } from '../train/index.js';
import { bytes } from './text.js';

/** Parts below this share are not named. */
const NAMED = 0.05;

/** One line, or two where the run does not fit. */
export function describeMemory({ peak, parts, limit, advice }: RunEstimate): string {
  const named = parts
    .filter((part) => part.bytes >= NAMED * peak)
    .sort((a, b) => b.bytes - a.bytes)
    .map((part) => `${part.name} ${bytes(part.bytes)}`);
  const line = `takes about ${bytes(peak)} of memory: ${named.join(', ')}`;
  if (peak <= limit) return line;
  const remedy = advice
    ? `with ${advice.flags} it takes about ${bytes(advice.peak)}`
    : 'train fewer weights with --params, or a smaller model';
  return `${line}\nthis machine has ${bytes(limit)}, so it will be slow or be ended by the system; ${remedy}`;
}
