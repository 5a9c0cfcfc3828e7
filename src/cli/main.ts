#!/usr/bin/env node
/** The command line: finds the command, runs it, and is the one place that ends the process. */
import { readFileSync } from 'node:fs';
import { Command, CommanderError } from '@commander-js/extra-typings';
import { InputError, UsageError } from '../errors.js';
import { toCommand } from './command.js';
import { InterruptError } from './worker-client.js';

const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'));

let exitCode = 0;
const done = (code: number): void => {
  exitCode = code;
};

/** Each is loaded where it is needed, since loading them all takes longer than what some of them do. */
const COMMANDS: Readonly<Record<string, () => Promise<Command>>> = {
  demo: async () => toCommand((await import('./demo/command.js')).demo, done),
  train: async () => toCommand((await import('./train.js')).train, done),
  methods: async () => toCommand((await import('./methods.js')).methods, done),
  generate: async () => toCommand((await import('./generate.js')).generate, done),
  caption: async () => toCommand((await import('./caption.js')).caption, done),
  evaluate: async () => toCommand((await import('./evaluate.js')).evaluate, done),
  compare: async () => toCommand((await import('./compare/command.js')).compare, done),
  merge: async () => toCommand((await import('./merge.js')).merge, done),
  convert: async () => toCommand((await import('./convert.js')).convert, done),
  import: async () => toCommand((await import('./import.js')).importCommand, done),
  export: async () => toCommand((await import('./export.js')).exportCommand, done),
  check: async () => toCommand((await import('./check.js')).check, done),
  inspect: async () => toCommand((await import('./inspect.js')).inspect, done),
  analyze: async () => toCommand((await import('./analyze.js')).analyze, done),
  doctor: async () => toCommand((await import('./doctor.js')).doctor, done),
};

async function main(): Promise<number> {
  const program = new Command('sara')
    .description('Fine-tune Stable Diffusion with SaRA: train the weights that do little, keep the rest.')
    .version(version)
    .addHelpText('after', '\n"sara <command> --help" shows the settings and examples of a command.');
  const [asked = ''] = process.argv.slice(2);
  const loaded = Object.hasOwn(COMMANDS, asked) ? [COMMANDS[asked]!] : Object.values(COMMANDS);
  for (const load of loaded) program.addCommand((await load()).exitOverride());
  program.exitOverride();
  await program.parseAsync();
  return exitCode;
}

/** The exit code of what was thrown, after telling it. */
function tell(error: unknown): number {
  // Commander has told it already.
  if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2;
  if (error instanceof InterruptError) return 130;
  if (error instanceof InputError) {
    process.stderr.write(`sara: ${error.message}\n`);
    return error instanceof UsageError ? 2 : 1;
  }
  process.stderr.write(
    `sara: this is a bug, please report it:\n${error instanceof Error ? error.stack : error}\n`,
  );
  return 70;
}

// A reader such as `head` that has seen enough is no error.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  process.exit(error.code === 'EPIPE' ? 0 : tell(error));
});

main()
  .catch(tell)
  .then((exitCode) => process.exit(exitCode));
