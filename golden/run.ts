/** Runs every golden case under a folder, a line for each quantity. */
import { readdir } from 'node:fs/promises';
import { join, relative, resolve, sep } from 'node:path';
import type { Check } from './check.js';
import { outcomeOf } from './kinds.js';

/** Folders that hold a case.json, in alphabetical order. */
export async function findCases(folder: string): Promise<string[]> {
  const files = await readdir(folder, { recursive: true });
  return files
    .filter((file) => file.split(sep).at(-1) === 'case.json')
    .map((file) => join(folder, file, '..'))
    .sort();
}

export interface Tally {
  passed: number;
  failed: number;
  skipped: number;
}

/** Runs all cases under the folder; a runner that throws is a failure, and the others run on. */
export async function runGolden(folder: string, print: (line: string) => void): Promise<Tally> {
  const root = resolve(folder);
  const tally: Tally = { passed: 0, failed: 0, skipped: 0 };
  for (const path of await findCases(root)) {
    const name = relative(root, path) || '.';
    // The end of the absolute path tells the kind, so that part of a golden folder can be given too.
    const outcome = outcomeOf(path.split(sep).join('/'));
    if (typeof outcome === 'string') {
      tally.skipped++;
      print(`${name}: SKIP (${outcome})`);
      continue;
    }
    try {
      for (const check of await outcome(path)) {
        const passes = check.error <= check.tolerance;
        tally[passes ? 'passed' : 'failed']++;
        print(`${name}: ${lineOf(check)} ${passes ? 'PASS' : 'FAIL'}`);
      }
    } catch (error) {
      tally.failed++;
      print(`${name}: threw ${String(error).split('\n')[0]} FAIL`);
    }
  }
  return tally;
}

function lineOf({ quantity, error, tolerance }: Check): string {
  return `${quantity}, error ${shown(error)}, tolerance ${shown(tolerance)}`;
}

const shown = (value: number): string => (Number.isInteger(value) ? String(value) : value.toExponential(2));
