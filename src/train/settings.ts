/** Settings that come from flags or from YAML: values that may be written as text, with what was expected. */
import { z } from 'zod';

declare module 'zod' {
  interface GlobalMeta {
    /** What stands after the flag, such as `<n>` or `[step]`; none for a switch. */
    argument?: string;
    /** One line of help. */
    help?: string;
    /** The flag may be given several times. */
    repeatable?: boolean;
    /** Says nothing about the result, so it may change between a run and its continuation. */
    incidental?: boolean;
    /** The option of methods that it sets; it is refused with methods that do not have that option. */
    option?: string;
    /** The setting without which it says nothing. */
    beside?: string;
  }
}

const fromText = (value: unknown): unknown =>
  typeof value === 'string' && value.trim() !== '' ? Number(value) : value;

/** A number for which `holds`. */
export function real(expected: string, holds: (value: number) => boolean) {
  const message = `expected ${expected}`;
  return z.preprocess(fromText, z.number(message).refine(holds, message));
}

/** A whole number. */
export function whole(least: number) {
  return real(
    `a whole number of at least ${least}`,
    (value) => Number.isSafeInteger(value) && value >= least,
  );
}

const FACTORS: Record<string, number> = { '': 1, k: 1e3, m: 1e6, b: 1e9 };

/** A count that may be written as 5M or 20k. */
export function count() {
  const message = 'expected a number of parameters such as 5000000 or 5M';
  const parse = (value: unknown): unknown => {
    const match = typeof value === 'string' ? /^([\d.]+(?:e\d+)?)([kmb]?)$/i.exec(value.trim()) : null;
    return match ? Math.round(Number(match[1]) * FACTORS[match[2]!.toLowerCase()]!) : value;
  };
  return z.preprocess(parse, z.int(message).positive(message));
}

/** A number for which `holds`, or a word that turns it off. */
export function realOrOff(expected: string, holds: (value: number) => boolean) {
  const message = `expected ${expected}, or off`;
  const parse = (value: unknown) => (value === 'off' || value === false ? 'off' : fromText(value));
  return z.preprocess(parse, z.union([z.literal('off'), z.number().refine(holds)], message));
}

/** On, off or a number of steps; a flag without a value is on. */
export function stepOrSwitch() {
  const message = 'expected on, off or a number of steps';
  const parse = (value: unknown) => {
    if (value === true) return 'on';
    if (value === false) return 'off';
    return value === 'on' || value === 'off' ? value : fromText(value);
  };
  return z.preprocess(parse, z.union([z.enum(['on', 'off']), z.int().positive()], message));
}

/** One text or several. */
export function texts() {
  const parse = (value: unknown) => (typeof value === 'string' ? [value] : value);
  return z.preprocess(parse, z.array(z.string('expected a text'), 'expected a text or a list of texts'));
}

export function text(expected = 'a text') {
  return z.string(`expected ${expected}`).min(1, `expected ${expected}`);
}

export function oneOf<const Values extends readonly [string, ...string[]]>(values: Values) {
  return z.enum(values, `expected ${values.join(', ')}`);
}

export function flag() {
  return z.boolean('expected true or false');
}

/** `learningRate` → `learning-rate`: settings as flags and YAML keys have them. */
export function kebab(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
}

/** `learning-rate` → `learningRate`. */
export function camel(name: string): string {
  return name.replace(/-([a-z])/g, (_, letter: string) => letter.toUpperCase());
}
