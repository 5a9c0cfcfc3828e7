/** Stages of a proof, each a process of its own, with the time and memory that each took. */
import { spawn } from 'node:child_process';
import { readFile, rm } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { builtCommand } from '../support/cli.js';

const PROBE = pathToFileURL(resolve('test/support/resource-usage.mjs')).href;

interface Stage {
  readonly name: string;
  readonly seconds: number;
  readonly peakBytes: number;
}

export class Stages {
  private readonly done: Stage[] = [];

  /** `folder` takes what the processes report. */
  constructor(private readonly folder: string) {}

  /** Runs `sara`; gives its standard output. Throws where it fails. */
  async sara(name: string, ...args: string[]): Promise<string> {
    return this.node(name, await builtCommand(), ...args);
  }

  /** Runs a program of Node.js. */
  async node(name: string, ...args: string[]): Promise<string> {
    const report = join(this.folder, 'resources.json');
    const output = await run(process.execPath, ['--import', PROBE, ...args], { SARA_RESOURCES: report });
    this.done.push({ name, ...JSON.parse(await readFile(report, 'utf8')) });
    await rm(report);
    return output;
  }

  /** Runs a Python program, whose last line is a JSON object with what it found out and its own peakBytes. */
  async python<T>(name: string, python: string, ...args: string[]): Promise<T> {
    const started = performance.now();
    const output = await run(python, args, {});
    const { peakBytes, ...found } = JSON.parse(output.trimEnd().split('\n').at(-1)!);
    this.done.push({ name, seconds: (performance.now() - started) / 1000, peakBytes });
    return found;
  }

  /** Time and memory of all stages. */
  table(): string {
    const rows = this.done.map(({ name, seconds, peakBytes }) => [
      name,
      `${seconds.toFixed(1)} s`,
      `${(peakBytes / 1e9).toFixed(2)} GB`,
    ]);
    const all = [['stage', 'time', 'peak memory'], ...rows];
    const widths = [0, 1, 2].map((column) => Math.max(...all.map((row) => row[column]!.length)));
    return all
      .map((row) =>
        row
          .map((cell, column) => (column === 0 ? cell.padEnd(widths[0]!) : cell.padStart(widths[column]!)))
          .join('  '),
      )
      .join('\n');
  }
}

function run(command: string, args: readonly string[], env: Record<string, string>): Promise<string> {
  const child = spawn(command, args, { env: { ...process.env, PYTHONDONTWRITEBYTECODE: '1', ...env } });
  let [output, complaints] = ['', ''];
  child.stdout.on('data', (data) => {
    output += data;
  });
  child.stderr.on('data', (data) => {
    complaints += data;
  });
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code, signal) => {
      if (code === 0) return resolve(output);
      const asked = [command, ...args].map((arg) => (arg.length > 200 ? '…' : arg)).join(' ');
      reject(new Error(`${asked} ended with ${signal ?? code}:\n${complaints.slice(-3000)}`));
    });
  });
}
