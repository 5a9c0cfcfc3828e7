/** YAML files that people write. */
import { type ParseOptions, parse, type SchemaOptions, YAMLParseError } from 'yaml';
import { InputError } from '../errors.js';
import { readText } from './files.js';

/** What a file holds. Throws InputError where it cannot be read or is no YAML. */
export async function readYaml(path: string, options: ParseOptions & SchemaOptions = {}): Promise<unknown> {
  const text = await readText(path);
  try {
    return parse(text, options);
  } catch (error) {
    if (!(error instanceof YAMLParseError)) throw error;
    const [first] = error.message.split('\n');
    throw new InputError(`cannot read ${path} as YAML: ${first!.replace(/:$/, '')}; correct the file`, {
      cause: error,
    });
  }
}
