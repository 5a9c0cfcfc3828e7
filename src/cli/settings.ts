/** From flags and a YAML file to checked settings: flags win, unknown names are refused with the nearest right one. */
import type { z } from 'zod';
import { InputError, UsageError } from '../errors.js';
import { readYaml } from '../formats/yaml.js';
import { camel, kebab } from '../train/settings.js';

type Values = Readonly<Record<string, unknown>>;

/** Throws UsageError for flags and InputError for a file that cannot be used. */
export async function resolveSettings<Schema extends z.ZodObject>(
  command: string,
  schema: Schema,
  flags: Values,
  file?: string,
): Promise<z.output<Schema>> {
  const fromFile = file === undefined ? {} : await readSettings(file, Object.keys(schema.shape));
  const result = schema.safeParse({ ...fromFile, ...flags });
  if (result.success) return result.data;
  const { issues } = result.error;
  const wrong = issues.find(({ path }) => String(path[0]) in flags || String(path[0]) in fromFile);
  const issue = wrong ?? issues[0]!;
  const name = String(issue.path[0]);
  const argument = schema.shape[name]?.meta()?.argument ?? '';
  const flag = `--${kebab(name)}`;
  if (name in flags) throw new UsageError(`${flag}: ${issue.message}, got ${shown(flags[name])}`);
  if (name in fromFile) {
    throw new InputError(`${kebab(name)} in ${file}: ${issue.message}, got ${shown(fromFile[name])}`);
  }
  throw new UsageError(`sara ${command} needs ${flag} ${argument}; see "sara ${command} --help"`);
}

async function readSettings(path: string, names: readonly string[]): Promise<Values> {
  const values = await readYaml(path);
  if (values === null) return {};
  if (typeof values !== 'object' || Array.isArray(values)) {
    throw new InputError(`expected lines such as "steps: 500" in ${path}; correct the file`);
  }
  const known = names.map(kebab);
  for (const key of Object.keys(values)) {
    if (known.includes(key)) continue;
    const near = nearest(key, known);
    throw new InputError(
      `${path} has the unknown setting "${key}"${near ? `; did you mean "${near}"?` : `; known are ${known.join(', ')}`}`,
    );
  }
  return Object.fromEntries(Object.entries(values).map(([key, value]) => [camel(key), value]));
}

function shown(value: unknown): string {
  return JSON.stringify(Array.isArray(value) && value.length === 1 ? value[0] : value);
}

/** The name with the fewest changed letters, if that is less than half of them. */
export function nearest(name: string, known: readonly string[]): string | undefined {
  const distances = known.map((candidate) => [editDistance(name, candidate), candidate] as const);
  const [best] = distances.sort(([a], [b]) => a - b);
  return best && best[0] <= name.length / 2 ? best[1] : undefined;
}

/** Levenshtein distance: insertions, deletions and replacements from one text to the other. */
function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const replaced = row[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min(replaced, row[j]! + 1, next[j - 1]! + 1));
    }
    row = next;
  }
  return row[b.length]!;
}
