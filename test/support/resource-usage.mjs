/** Loaded before a program with `--import`: writes what the process took to the file that SARA_RESOURCES names. */
import { writeFileSync } from 'node:fs';
import { isMainThread } from 'node:worker_threads';

const { SARA_RESOURCES } = process.env;
if (isMainThread && SARA_RESOURCES) {
  process.on('exit', () => {
    const { maxRSS } = process.resourceUsage();
    writeFileSync(SARA_RESOURCES, JSON.stringify({ seconds: process.uptime(), peakBytes: 1024 * maxRSS }));
  });
}
