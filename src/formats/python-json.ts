/** JSON as Python writes it: with infinities, which scheduler configurations have and JSON does not know. */
import { InputError } from '../errors.js';
import { readText } from './files.js';

/** Strings, which are left alone, and the numbers that JSON lacks. */
const TOKEN = /"(?:[^"\\]|\\.)*"|-?Infinity|NaN/g;
const NUMBERS: Record<string, string> = { Infinity: '1e999', '-Infinity': '-1e999', NaN: 'null' };

/** The JSON object in a file; Infinity and -Infinity are numbers, NaN is null. Throws InputError where there is none. */
export async function readPythonJson(path: string): Promise<Readonly<Record<string, unknown>>> {
  return parsePythonJson(await readText(path), path);
}

/** The same of a text; `place` is what an InputError calls it. */
export function parsePythonJson(text: string, place: string): Readonly<Record<string, unknown>> {
  let value: unknown;
  try {
    value = JSON.parse(text.replace(TOKEN, (token) => NUMBERS[token] ?? token));
  } catch (error) {
    throw new InputError(`expected JSON in ${place}, but ${(error as Error).message}`, { cause: error });
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new InputError(`expected one JSON object in ${place}; copy the file again`);
  }
  return value as Record<string, unknown>;
}

const MARK = '\u0000';

/** Keys of configurations that transformers refuses to read with a whole number: they must be written as 1.0. */
const FLOATS = ['initializer_factor', 'initializer_range', 'layer_norm_eps'];

/** Indented JSON text that Python reads back, infinities and floats included. */
export function formatPythonJson(value: unknown): string {
  const marked = (key: string, entry: unknown) => {
    if (typeof entry !== 'number') return entry;
    if (Math.abs(entry) === Number.POSITIVE_INFINITY) return `${MARK}${entry}`;
    return FLOATS.includes(key) && Number.isSafeInteger(entry) ? `${MARK}${entry}.0` : entry;
  };
  return `${JSON.stringify(value, marked, 2).replace(/"\\u0000(-?(?:Infinity|\d+\.0))"/g, '$1')}\n`;
}
