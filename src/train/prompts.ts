/** Prompts from a text file. */
import { InputError } from '../errors.js';
import { readText } from '../formats/files.js';

/** One prompt a line; empty lines do not count. Throws InputError where there is none. */
export async function readPrompts(path: string): Promise<string[]> {
  const lines = (await readText(path)).split(/\r?\n/).map((line) => line.trim());
  const prompts = lines.filter((line) => line !== '');
  if (prompts.length === 0) throw new InputError(`${path} holds no prompt; write one a line`);
  return prompts;
}
