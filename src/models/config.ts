/** Checking a network's config.json: every unsupported value is an InputError that names key, value and what is supported. */
import { z } from 'zod';
import { InputError } from '../errors.js';

export type JsonObject = Readonly<Record<string, unknown>>;

/** Checks a config.json against a schema; `owner` is what an error calls it. */
export function parseConfig<T extends z.ZodType>(owner: string, schema: T, json: unknown): z.output<T> {
  const result = schema.safeParse(json);
  if (result.success) return result.data;
  const { path, message } = result.error.issues[0]!;
  const value = path.reduce<unknown>(
    (object, key) => (object as JsonObject | undefined)?.[key as string],
    json,
  );
  const supported = message.replace(/^Invalid \w+: /, '');
  if (path.length === 0) throw new InputError(`${owner}: ${supported}`);
  const got = value === undefined ? 'is missing' : `${JSON.stringify(value)} is not supported`;
  throw new InputError(`${owner}: ${path.join('.')} ${got}; ${supported}`);
}

/** A key that may be absent or null, which both mean the default of the Python class. */
export function withDefault<T extends z.ZodType>(schema: T, value: z.output<T>) {
  return schema.nullish().transform((given): z.output<T> => given ?? value);
}

/** A count: a whole number above 0. */
export const count = z.int().positive();
