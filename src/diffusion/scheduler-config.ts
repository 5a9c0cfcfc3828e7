/** Reading diffusers' scheduler_config.json: parsing, defaults, and errors that name key, value and what is supported. */
import { InputError } from '../errors.js';

/** The parsed JSON object; keys and defaults are those of the diffusers class named by `_class_name`. */
export type SchedulerConfig = Readonly<Record<string, unknown>>;

/** Parses scheduler_config.json, in which Python writes infinities that JSON does not know (`lambda_min_clipped`). */
export function parseSchedulerConfig(text: string): SchedulerConfig {
  let config: unknown;
  try {
    config = JSON.parse(text.replace(/(:\s*-?)Infinity\b/g, '$11e999'));
  } catch (error) {
    throw new InputError(
      `scheduler_config.json is not valid JSON (${(error as Error).message}); copy it again.`,
    );
  }
  if (typeof config !== 'object' || config === null || Array.isArray(config)) {
    throw new InputError('scheduler_config.json must hold one JSON object; copy it again from the model.');
  }
  return config as SchedulerConfig;
}

/** The error for a value this program cannot use. */
export function unsupported(config: SchedulerConfig, key: string, supported: string): InputError {
  const owner = config._class_name === undefined ? 'scheduler_config.json' : config._class_name;
  return new InputError(
    `${owner}: ${key} ${JSON.stringify(config[key])} is not supported, expected ${supported}; edit scheduler_config.json or name another sampler.`,
  );
}

/** The value of `key`, or `fallback` where it is absent or null; must be a finite number. */
export function numberOf(config: SchedulerConfig, key: string, fallback: number): number {
  const value = config[key] ?? fallback;
  if (typeof value !== 'number' || !Number.isFinite(value)) throw unsupported(config, key, 'a finite number');
  return value;
}

/** The value of `key`, or the first of `supported` where it is absent or null; must be one of `supported`. */
export function choiceOf<T extends string | number | boolean>(
  config: SchedulerConfig,
  key: string,
  supported: readonly [T, ...T[]],
): T {
  const value = config[key] ?? supported[0];
  if (!supported.includes(value as T)) throw unsupported(config, key, supported.join(' or '));
  return value as T;
}

/** Throws unless each key is absent, null or at the one value this program implements. */
export function requireValues(
  config: SchedulerConfig,
  values: Record<string, string | number | boolean>,
): void {
  for (const [key, value] of Object.entries(values)) choiceOf(config, key, [value]);
}
