/** Which weights may train, by patterns over their checkpoint keys. */
import { InputError } from '../errors.js';

/** A key passes if any pattern fits: `*attn2*` (a star is any text) or `/regular expression/`. Without patterns all pass. */
export function keyFilter(patterns: readonly string[], keys: Iterable<string>): (key: string) => boolean {
  if (patterns.length === 0) return () => true;
  const expressions = patterns.map(expressionOf);
  const chosen = new Set([...keys].filter((key) => expressions.some((expression) => expression.test(key))));
  if (chosen.size === 0) {
    throw new InputError(
      `no weight has a key like ${patterns.join(' or ')}; "sara inspect <model> --layers" lists the keys`,
    );
  }
  return (key) => chosen.has(key);
}

function expressionOf(pattern: string): RegExp {
  const regular = /^\/(.+)\/$/.exec(pattern)?.[1];
  if (regular === undefined) {
    return new RegExp(`^${pattern.replace(/[.+?^${}()|[\]\\]/g, '\\$&').replaceAll('*', '.*')}$`);
  }
  try {
    return new RegExp(regular);
  } catch (error) {
    throw new InputError(`cannot read the pattern ${pattern}: ${(error as Error).message}`, { cause: error });
  }
}
