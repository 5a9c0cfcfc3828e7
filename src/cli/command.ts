/** Commands as this program has them: settings described once, as a schema, and what is done with them. */
import { Command, Option } from '@commander-js/extra-typings';
import type { z } from 'zod';
import { kebab } from '../train/settings.js';
import { downloadModels } from './downloads.js';
import { resolveSettings } from './settings.js';

export interface CommandSpec<Schema extends z.ZodObject = z.ZodObject> {
  readonly name: string;
  readonly summary: string;
  readonly schema: Schema;
  /** The settings that are given without a flag, in this order. */
  readonly positional?: readonly (keyof z.output<Schema> & string)[];
  /** Command lines that show the use. */
  readonly examples: readonly string[];
  /** Gives the exit code. */
  run(settings: z.output<Schema>): Promise<number>;
}

/** The command; `done` gets its exit code. */
export function toCommand<Schema extends z.ZodObject>(
  spec: CommandSpec<Schema>,
  done: (exitCode: number) => void,
): Command {
  const { name, schema, positional = [] } = spec;
  const command = new Command(name).description(spec.summary);
  for (const key of positional) command.argument(`<${key}>`, schema.shape[key]!.meta()?.help ?? '');
  for (const [key, value] of Object.entries(schema.shape)) {
    if (!positional.includes(key)) command.addOption(toOption(key, value as z.ZodType));
  }
  command.option('--config <file>', 'YAML file with any of these settings; flags win');
  command.addHelpText('after', `\nExamples:\n${spec.examples.map((line) => `  $ ${line}`).join('\n')}`);
  command.action(async () => {
    const { config, ...flags } = command.opts() as { config?: string; [flag: string]: unknown };
    const given = { ...flags, ...Object.fromEntries(positional.map((key, i) => [key, command.args[i]])) };
    const settings = await resolveSettings(name, schema, given, config);
    await downloadModels(settings);
    done(await spec.run(settings));
  });
  return command as unknown as Command;
}

function toOption(key: string, schema: z.ZodType): Option {
  const { argument, help = '', repeatable } = schema.meta() ?? {};
  const initial = schema.safeParse(undefined);
  const fallback = initial.success && argument ? initial.data : undefined;
  const shown = fallback === undefined || fallback === '' || Array.isArray(fallback) ? '' : ` (${fallback})`;
  const option = new Option(`--${kebab(key)}${argument ? ` ${argument}` : ''}`, help + shown);
  if (repeatable) option.argParser((value, previous: string[] | undefined) => [...(previous ?? []), value]);
  return option as unknown as Option;
}
