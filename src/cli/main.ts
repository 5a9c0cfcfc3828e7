#!/usr/bin/env node
/** The command line: finds the command, runs it, and is the one place that ends the process. */
import { readFileSync } from 'node:fs';
import { Command, CommanderError } from '@commander-js/extra-typings';
import { InputError, UsageError } from '../errors.js';
import { toCommand } from './command.js';
import { demo } from './demo/command.js';
import { doctor } from './doctor.js';
import { generate } from './generate.js';
import { inspect } from './inspect.js';
import { merge } from './merge.js';
import { train } from './train.js';
import { InterruptError } from './worker-client.js';

const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'));

async function main(): Promise<number> {
  let exitCode = 0;
  const done = (code: number) => {
    exitCode = code;
  };
  const program = new Command('sara')
    .description('Fine-tune Stable Diffusion with SaRA: train the weights that do little, keep the rest.')
    .version(version)
    .addHelpText('after', '\n"sara <command> --help" shows the settings and examples of a command.');
  const commands = [
    toCommand(demo, done),
    toCommand(train, done),
    toCommand(generate, done),
    toCommand(merge, done),
    toCommand(inspect, done),
    toCommand(doctor, done),
  ];
  for (const command of commands) program.addCommand(command);
  for (const command of [program, ...commands]) command.exitOverride();
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
